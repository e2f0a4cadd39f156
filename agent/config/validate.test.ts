import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tenantFolders } from '../folders.ts';
import { ConfigFiles } from './config-files.ts';
import { type Verdict, validateCandidate, verdictOf } from './validate.ts';

const asItIs = (text: string) => text;

// What 2026.9.6 prints.
const unknownKey = JSON.stringify({
  ok: false,
  error: { type: 'cli_error', message: 'OpenClaw config is invalid: /x/candidate.json' },
  valid: false,
  path: '/x/candidate.json',
  issues: [{ path: '<root>', message: 'Unrecognized key: "noSuch"' }],
});
const twoIssues = JSON.stringify({
  valid: false,
  issues: [
    { path: 'logging.level', message: 'Invalid input' },
    { path: 'gateway.port', message: 'Too big' },
  ],
});

const rows: { reason: string; stdout: string; code: number; verdict: Verdict }[] = [
  { reason: 'a warning does not refuse', stdout: '{"valid":true,"warnings":[]}', code: 0, verdict: { valid: true } },
  {
    reason: 'the root has no path',
    stdout: unknownKey,
    code: 1,
    verdict: { valid: false, path: '', message: '<root>: Unrecognized key: "noSuch"' },
  },
  {
    reason: 'the first of several issues has the word, and says that there are more',
    stdout: twoIssues,
    code: 1,
    verdict: { valid: false, path: 'logging.level', message: 'logging.level: Invalid input (and 1 more)' },
  },
];

for (const { reason, stdout, code, verdict } of rows) {
  test(reason, () => assert.deepEqual(verdictOf({ code, stdout, stderr: '' }, asItIs), verdict));
}

test('a command without a verdict is an error with its last words, not a verdict', () => {
  const broken = { code: 134, stdout: '', stderr: 'FATAL: heap out of memory' };
  assert.throws(() => verdictOf(broken, asItIs), {
    reason: 'config_validate_failed',
    message: /134.*heap out of memory/,
  });
});

test('the candidate is a file of its own, owner-only, and gone afterwards', async () => {
  const folders = tenantFolders(mkdtempSync(join(tmpdir(), 'config-validate-')));
  const files = new ConfigFiles(folders);
  let tried = '';
  const run = async (_args: readonly string[], environment: Readonly<Record<string, string>>) => {
    const candidate = environment['OPENCLAW_CONFIG_PATH'] ?? '';
    assert.notEqual(candidate, files.live);
    tried = readFileSync(candidate, 'utf8');
    return { code: 0, stdout: '{"valid":true}', stderr: '' };
  };
  assert.deepEqual(await validateCandidate(run, files, { a: 1 }, AbortSignal.timeout(1_000)), { valid: true });
  assert.deepEqual(JSON.parse(tried), { a: 1 });
  assert.deepEqual(readdirSync(folders.config), []);
  rmSync(folders.data, { recursive: true });
});
