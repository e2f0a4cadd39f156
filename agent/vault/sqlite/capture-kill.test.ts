import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { seededRandom, testSeed } from '@opencrane/kit/testing/seeded-random.ts';
import type { CapturedDatabase } from '../snapshot/database-source.ts';
import { Replica, temporaryFolder, Writer } from './testing.ts';

const folder = temporaryFolder();
after(() => folder.remove());

/** A capture as testing-capturer.ts has written it. */
function stored(files: string, number: number): CapturedDatabase {
  const { runs, ...rest } = JSON.parse(readFileSync(join(files, `${number}.json`), 'utf8'));
  const bytes = readFileSync(join(files, String(number)));
  return {
    ...rest,
    async *changes() {
      let at = 0;
      for (const { page, length } of runs) {
        yield { page, bytes: bytes.subarray(at, at + length) };
        at += length;
      }
    },
    release: async () => {},
  };
}

test('a capturing process that is killed at any time goes on from what it had stored, and loses nothing', async (t) => {
  const path = join(folder.path, 'a.sqlite');
  const files = join(folder.path, 'stored');
  mkdirSync(files);
  const actions = ['write', 'write', 'write', 'grow', 'shrink', 'rollback'];
  const seed = testSeed();
  const random = seededRandom(seed);
  const writer = await Writer.start({ path, seed, pageBytes: 4096, autoCheckpoint: 0, cachePages: 50, actions });
  t.after(() => writer.kill());
  const replica = new Replica(join(folder.path, 'copy'));
  t.after(() => replica.close());
  const main = fileURLToPath(new URL('./testing-capturer.ts', import.meta.url));
  let [next, wholeAfterFirst] = [1, 0];
  for (let life = 0; life < 6; life += 1) {
    const { acknowledged } = writer;
    const capturer = fork(main, [path, files], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    const gone = once(capturer, 'exit');
    await Promise.race([once(capturer, 'message'), gone]);
    await setTimeout(random() * 40);
    assert.ok(capturer.exitCode === null, `seed ${seed}: it ended by itself`);
    capturer.kill('SIGKILL');
    await gone;
    for (; existsSync(join(files, String(next))); next += 1) {
      const captured = stored(files, next);
      if (next > 1 && captured.whole) wholeAfterFirst += 1;
      await replica.apply(captured);
    }
    const { sequence } = replica.witness();
    assert.ok(sequence >= acknowledged, `seed ${seed}: ${sequence} after ${acknowledged} was committed`);
  }
  t.diagnostic(`seed ${seed}: ${next - 1} captures in 6 lives, ${wholeAfterFirst} whole after the first`);
  assert.ok(next > 6);
  assert.equal(wholeAfterFirst, 0, 'the WAL was never restarted, so it proves every position');
});
