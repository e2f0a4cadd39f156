import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NpmResult } from './npm.ts';
import { npmComplaint } from './npm.ts';
import { findVersion } from './registry.ts';

const answer = (result: Partial<NpmResult>) => async (args: readonly string[]) =>
  args.includes('versions')
    ? { code: 0, stdout: '["2026.3.13","2026.3.22"]', stderr: '' }
    : { code: 0, stdout: '', stderr: '', ...result };
const published = JSON.stringify({
  version: '2026.9.6',
  engines: { node: '>=24.16 <25' },
  'dist.integrity': 'sha512-x',
});

test('a tag becomes an exact version', async () => {
  assert.deepEqual(await findVersion(answer({ stdout: published }), '', '24.21.0'), {
    version: '2026.9.6',
    nodeRange: '>=24.16 <25',
    integrity: 'sha512-x',
  });
});

const refusals: readonly {
  reason: string;
  result: Partial<NpmResult>;
  wanted: string;
  node: string;
  expect: object;
}[] = [
  {
    reason: 'another Node is refused before anything is downloaded',
    result: { stdout: published },
    wanted: '2026.9.6',
    node: '22.12.0',
    expect: { code: 'failed_precondition', reason: 'runtime_needs_other_node' },
  },
  {
    reason: 'an unknown version names those near it',
    result: { stdout: '' },
    wanted: '2026.3.15',
    node: '24.21.0',
    expect: { code: 'not_found', reason: 'runtime_version_unknown', mend: 'versions near it are 2026.3.13, 2026.3.22' },
  },
  {
    reason: 'no network is not “no such version”',
    result: { code: 1, stderr: 'npm error code ENOTFOUND\nnpm error network request failed' },
    wanted: 'latest',
    node: '24.21.0',
    expect: { code: 'unavailable', reason: 'registry_unreachable' },
  },
  {
    reason: 'what is not a version never reaches a command line',
    result: {},
    wanted: '--registry=x',
    node: '24.21.0',
    expect: { code: 'invalid_argument', reason: 'runtime_version_malformed' },
  },
];
for (const { reason, result, wanted, node, expect } of refusals) {
  test(reason, () => assert.rejects(findVersion(answer(result), wanted, node), expect));
}

test('of npm’s complaint the words stay and the noise goes', () => {
  const stderr =
    'npm warn x\nnpm error code 128\nnpm error An unknown git error occurred\nnpm error A complete log of this run can be found in: /x';
  assert.equal(npmComplaint({ code: 128, stdout: '', stderr }), 'code 128\nAn unknown git error occurred');
});
