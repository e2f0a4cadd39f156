import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { exitCodes } from '@opencrane/kit/errors.ts';
import type { UpdateConfigRequest } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { runCli } from '../../testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'opencrane-set-'));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'key'), 'sk-secret\n');
writeFileSync(join(folder, 'number'), '1234567890123456789\n');

const cases = [
  { reason: 'JSON is read as JSON', words: ['700'], sent: 700 },
  { reason: 'what is no JSON is a string', words: ['debug'], sent: 'debug' },
  {
    reason: 'a number that would lose digits is refused, with what to do',
    words: ['1234567890123456789'],
    says: /would become 1234567890123456800[\s\S]*quote it/,
  },
  { reason: '… deep inside, too', words: ['{"ids":[1234567890123456789]}'], says: /quote it/ },
  { reason: '… and is kept as a string', words: ['1234567890123456789', '--string'], sent: '1234567890123456789' },
  { reason: '… or in quotes', words: ['"1234567890123456789"'], sent: '1234567890123456789' },
  {
    reason: 'a file has the value, and its last newline is not part of it',
    words: ['--from-file', 'key'],
    sent: 'sk-secret',
  },
  { reason: 'a number in a file loses no digits either', words: ['--from-file', 'number'], says: /quote it/ },
  { reason: 'a value and a file are one too many', words: ['5', '--from-file', 'key'], says: /two values/ },
  { reason: 'no value', words: [], says: /no value/ },
  { reason: 'a file that is not there', words: ['--from-file', 'nothing'], says: /ENOENT/ },
] as const;

for (const { reason, words, ...expected } of cases) {
  test(reason, async () => {
    const requests: UpdateConfigRequest[] = [];
    const updateConfig = (request: UpdateConfigRequest) => {
      requests.push(request);
      return { changed: false };
    };
    const ran = await runCli(
      ['config', 'set', '--org', 'a', ...words, '--no-wait'],
      { config: { updateConfig } },
      { folder },
    );
    if ('says' in expected) {
      assert.match(ran.errors, expected.says);
      assert.deepEqual([ran.exitCode, requests], [exitCodes.usage, []]);
      return;
    }
    assert.equal(ran.exitCode, exitCodes.ok, ran.errors);
    const value = requests[0]?.set[0]?.value;
    assert.deepEqual(value && toJson(ValueSchema, value), expected.sent);
  });
}

test('standard input has the value', async () => {
  const source = new URL('../../config/value-source.ts', import.meta.url).href;
  const script = `const { readValueText } = await import(${JSON.stringify(source)});
    process.stdout.write(JSON.stringify(await readValueText({ fromFile: '-' }, '/')));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stdin.end('sk-from-a-pipe\n');
  await new Promise((resolve) => child.once('close', resolve));
  assert.equal(out, '"sk-from-a-pipe"');
});

test('what nobody could judge is said, with the version and why, to people and to programs', async () => {
  const note = 'not checked against OpenClaw 2026.9.6: it is not unpacked on this machine yet';
  const updateConfig = () => ({ changed: true, unchecked: [note], layer: { revision: 7n } });
  const words = ['config', 'set', '--org', 'a', '1', '--no-wait'];
  const people = await runCli(words, { config: { updateConfig } }, { folder });
  assert.match(people.out, /not checked against OpenClaw 2026\.9\.6: it is not unpacked on this machine yet/);
  const program = await runCli([...words, '--json'], { config: { updateConfig } }, { folder });
  assert.deepEqual(JSON.parse(program.out).unchecked, [note]);
});
