import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { LogOutput, type LostLines, type Write } from './log-output.ts';

/** A disk that has room for so many bytes. */
function disk(room: number) {
  const state = { room, text: '', code: 'ENOSPC', writes: 0 };
  const write: Write = (_descriptor, bytes, offset) => {
    state.writes += 1;
    const taken = Math.min(state.room, bytes.length - offset);
    if (taken === 0) throw Object.assign(new Error(`${state.code}: no room`), { code: state.code });
    state.text += Buffer.from(bytes.subarray(offset, offset + taken)).toString();
    state.room -= taken;
    return taken;
  };
  const recovered: LostLines[] = [];
  return { state, recovered, output: new LogOutput(1, (lost) => recovered.push(lost), write) };
}

test('what a full disk did not take is counted, a line that was cut is ended, and what comes after it is whole', () => {
  const { state, recovered, output } = disk(8);
  for (const line of ['one\n', 'two and more\n', 'three\n']) output.write(line);
  assert.deepEqual([state.text, recovered], ['one\ntwo ', []]);
  state.room = 100;
  output.write('four\n');
  output.write('five\n');
  assert.equal(state.text, 'one\ntwo \nfour\nfive\n');
  assert.deepEqual(recovered, [{ lost: 2, why: 'ENOSPC: no room' }], 'told once, with the first reason');
});

test('a reader that is slow is waited for, one that stands still only once', () => {
  const { state, output } = disk(0);
  state.code = 'EAGAIN';
  output.write('one\n');
  assert.ok(state.writes > 2, 'tried again');
  const before = state.writes;
  output.write('two\n');
  assert.equal(state.writes, before + 1, 'a program must not crawl because nobody reads its log');
});

const logging = `
  import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'logging.ts'))};
  const log = createLogger({ program: 'test', level: 'info' });
  process.stdin.on('data', (line) => { log.info('a line'); process.stderr.write('alive ' + line); });
  process.stdin.on('end', () => process.exit(7));
  process.stderr.write('up\\n');
`;

test('a program whose standard output is a full disk goes on', {
  skip: !existsSync('/dev/full') && 'there is no /dev/full here',
}, async () => {
  const script = `exec "$0" --input-type=module -e "$1" > /dev/full`;
  const child = spawn('/bin/sh', ['-c', script, process.execPath, logging], { stdio: ['pipe', 'inherit', 'pipe'] });
  const said = text(child.stderr);
  child.stdin.end('1\n');
  assert.deepEqual(await once(child, 'exit'), [7, null]);
  assert.equal(await said, 'up\nalive 1\n');
});

test('a program whose log has no reader any more goes on', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', logging], { stdio: ['pipe', 'pipe', 'pipe'] });
  const said = text(child.stderr);
  child.stdout.destroy();
  await once(child.stdout, 'close');
  child.stdin.end('1\n');
  assert.deepEqual(await once(child, 'exit'), [7, null]);
  assert.equal(await said, 'up\nalive 1\n');
});
