import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeFileAtomically } from './atomic-file.ts';
import { backoffCeiling, backoffMillis } from './backoff.ts';
import { canonicalJson, type Json } from './canonical-json.ts';
import { ManualClock } from './clock.ts';
import { digestOfJson, parseDigest } from './digest.ts';
import { Lifecycle } from './lifecycle.ts';
import { createLogger } from './logging.ts';
import { takeProcessLock } from './process-lock.ts';

const folder = await mkdtemp(join(tmpdir(), 'opencrane-kit-'));
test.after(() => rm(folder, { recursive: true }));

test('canonical JSON spells a value and nothing else: it parses back, and key order does not matter', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      // -0 has no JSON spelling of its own
      const json = JSON.parse(JSON.stringify(value)) as Json;
      assert.deepEqual(JSON.parse(canonicalJson(json)), json);
      assert.equal(digestOfJson(shuffled(json)), digestOfJson(json));
    }),
  );
});

test('a digest from outside is checked', () => {
  assert.throws(() => parseDigest('sha256:xyz'), { code: 'invalid_argument', reason: 'digest_malformed' });
});

test('a wait never passes its ceiling, and the ceiling never passes the cap', () => {
  const options = { firstMillis: 500, maxMillis: 60_000 };
  fc.assert(
    fc.property(fc.nat(1e6), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const wait = backoffMillis(attempt, options, () => random);
      assert.ok(wait >= 0 && wait <= backoffCeiling(attempt, options) && backoffCeiling(attempt, options) <= 60_000);
    }),
  );
});

test('a manual clock wakes sleepers that are due, and an abort takes a sleeper out', async () => {
  const clock = new ManualClock();
  const abort = new AbortController();
  const first = clock.sleep(10);
  const second = clock.sleep(20, abort.signal);
  clock.advance(10);
  await first;
  abort.abort();
  await assert.rejects(second, { name: 'AbortError' });
  assert.equal(clock.sleeping, 0);
});

test('a file is replaced whole, with its mode, and no draft stays', async () => {
  const path = join(folder, 'file');
  await writeFileAtomically(path, 'one');
  await writeFileAtomically(path, 'two');
  assert.equal(await readFile(path, 'utf8'), 'two');
  assert.deepEqual(await readdir(folder), ['file']);
});

test('parts stop in the reverse order, also when one of them fails', async () => {
  const order: string[] = [];
  const lifecycle = new Lifecycle(createLogger({ program: 'test', level: 'silent' }));
  await lifecycle.start({ name: 'store', stop: () => void order.push('store') });
  await lifecycle.start({ name: 'server', stop: () => Promise.reject(new Error('stuck')) });
  await lifecycle.start({ name: 'platform', stop: () => void order.push('platform') });
  await assert.rejects(lifecycle.stop(), AggregateError);
  assert.deepEqual(order, ['platform', 'store']);
});

test('a secret never reaches the log', () => {
  const lines: string[] = [];
  const log = createLogger({ program: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } });
  log.info({ token: 's3cret', request: { authorization: 's3cret', name: 'jente' } }, 'hello');
  assert.equal(lines.length, 1);
  assert.ok(!lines.join().includes('s3cret') && lines.join().includes('jente'));
});

test('a process lock holds against another process and is gone with a killed one', async () => {
  const path = join(folder, 'locks', 'lock');
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { takeProcessLock } from ${JSON.stringify(join(import.meta.dirname, 'process-lock.ts'))}; takeProcessLock(${JSON.stringify(path)}, 'x'); console.log('held'); setInterval(() => {}, 1e6)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(holder.stdout, 'data');
  assert.throws(() => takeProcessLock(path, 'the launcher'), { code: 'already_exists', reason: 'lock_held' });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  takeProcessLock(path, 'the launcher').release();
});

function shuffled(value: Json): Json {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse());
}
