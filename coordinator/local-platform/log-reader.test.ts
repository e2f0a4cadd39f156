import assert from 'node:assert/strict';
import { appendFile, copyFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readLog } from './log-reader.ts';

const root = await mkdtemp(join(tmpdir(), 'opencrane-log-'));
after(() => rm(root, { recursive: true, force: true }));
const never = new AbortController().signal;

async function read(path: string, tail: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of readLog(path, { tail, follow: false }, never)) lines.push(...batch);
  return lines;
}

const tails = [
  { reason: 'the newest lines, oldest first', text: 'a\nb\nc\n', tail: 2, lines: ['b', 'c'] },
  { reason: 'fewer than asked for are all there are', text: 'a\n', tail: 5, lines: ['a'] },
  { reason: 'a line that is still being written is not told yet', text: 'a\nhal', tail: 5, lines: ['a'] },
  { reason: 'an empty line is a line', text: 'a\n\nb\n', tail: 5, lines: ['a', '', 'b'] },
  { reason: 'an empty log has none', text: '', tail: 5, lines: [] },
];

for (const { reason, text, tail, lines } of tails) {
  test(reason, async () => {
    const path = join(root, `${reason.replaceAll(' ', '-')}.log`);
    await writeFile(path, text);
    assert.deepEqual(await read(path, tail), lines);
  });
}

test('a log that was never written has no lines', async () => {
  assert.deepEqual(await read(join(root, 'no-folder', 'no.log'), 5), []);
});

/** Follows a log; `next` gives the lines up to a count. */
function follow(path: string) {
  const end = new AbortController();
  const batches = readLog(path, { tail: 10, follow: true }, end.signal)[Symbol.asyncIterator]();
  const waiting: string[] = [];
  return {
    async next(count: number): Promise<string[]> {
      while (waiting.length < count) {
        const batch = await batches.next();
        if (batch.done) break;
        waiting.push(...batch.value);
      }
      return waiting.splice(0, count);
    },
    async end(): Promise<boolean> {
      end.abort();
      return (await batches.next()).done === true;
    },
  };
}

test('what comes is told as it comes, whole lines only, and the end is no error', async () => {
  const path = join(root, 'follow.log');
  await writeFile(path, 'first\n');
  const log = follow(path);
  assert.deepEqual(await log.next(1), ['first']);
  const snow = Buffer.from('☃\n');
  await appendFile(path, snow.subarray(0, 1)); // in the middle of a character
  await appendFile(path, Buffer.concat([snow.subarray(1), Buffer.from('next\n')]));
  assert.deepEqual(await log.next(2), ['☃', 'next']);
  assert.equal(await log.end(), true);
});

test('a log that does not exist yet is followed from its first line', async () => {
  const path = join(root, 'later.log');
  const log = follow(path);
  const lines = log.next(1);
  await writeFile(path, 'born\n');
  assert.deepEqual(await lines, ['born']);
  await log.end();
});

test('a log that is renamed away loses no line', async () => {
  const path = join(root, 'renamed.log');
  await writeFile(path, 'one\n');
  const log = follow(path);
  assert.deepEqual(await log.next(1), ['one']);
  await appendFile(path, 'two\n');
  await rename(path, `${path}.1`);
  await writeFile(path, 'three\n');
  assert.deepEqual(await log.next(2), ['two', 'three']);
  await log.end();
});

test('a log that is copied and truncated loses no line that was copied', async () => {
  const path = join(root, 'truncated.log');
  await writeFile(path, 'a long first line\n');
  const log = follow(path);
  assert.deepEqual(await log.next(1), ['a long first line']);
  await appendFile(path, 'two\n');
  await copyFile(path, `${path}.1`);
  await truncate(path, 0);
  await appendFile(path, 'three\n');
  assert.deepEqual((await log.next(2)).sort(), ['three', 'two']);
  await log.end();
});
