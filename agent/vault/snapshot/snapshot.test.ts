import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { objectAt } from '../../bucket/layout.ts';
import { listSnapshots } from '../history/find-snapshot.ts';
import { seededRandom } from '../testing.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import { TestState } from './testing.ts';

const states: TestState[] = [];
after(() => {
  for (const state of states) state.end();
});
async function newState(): Promise<TestState> {
  const state = await TestState.make();
  states.push(state);
  return state;
}

const noise = seededRandom('content');
/** Sizes around the borders of chunks and frames. */
const sizes = [0, 1, 100, 511, 512, 4096, 262_143, 262_144, 262_145, 524_288, 600_000];
const names = ['a', 'b', 'c.txt', 'd/e', 'd/f', 'd/g/h', 'i\u0301é', 'workspace/j', 'x.sqlite'];
const edit = fc.record({
  do: fc.constantFrom(
    'write',
    'append',
    'patch',
    'remove',
    'rename',
    'link',
    'name',
    'chmod',
    'touch',
    'folder',
    'rows' as const,
  ),
  at: fc.constantFrom(...names),
  to: fc.constantFrom(...names),
  size: fc.constantFrom(...sizes),
  number: fc.nat(1000),
});
type Edit = typeof edit extends fc.Arbitrary<infer E> ? E : never;

/** Makes room at a path, whatever is there. */
function room(path: string): void {
  rmSync(path, { recursive: true, force: true });
  for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  mkdirSync(dirname(path), { recursive: true });
}

type Place = Edit & { readonly root: string; readonly path: string };

const edits: { readonly [What in Edit['do']]: (place: Place) => void } = {
  write({ path, size, number }) {
    room(path);
    writeFileSync(path, number % 3 === 0 ? Buffer.alloc(size, number) : noise(size));
  },
  append({ path, number }) {
    if (!isDatabase(path)) appendFileSync(path, noise(number));
  },
  patch({ path, number }) {
    const content = readFileSync(path);
    content[number % Math.max(1, content.length)] = number & 255;
    if (!isDatabase(path)) writeFileSync(path, content);
  },
  remove: ({ path }) => rmSync(path, { recursive: true, force: true }),
  rename: ({ path, root, to }) => renameSync(path, at(root, to)),
  link({ path, to, number }) {
    room(path);
    symlinkSync(number % 2 === 0 ? to : '../no/where', path);
  },
  name({ path, root, to }) {
    if (at(root, to).startsWith(path)) return;
    room(path);
    linkSync(at(root, to), path);
  },
  chmod: ({ path, number }) => chmodSync(path, 0o600 | (number & 0o77)),
  touch: ({ path, number }) => utimesSync(path, number, number + 0.25),
  folder({ path, number }) {
    room(path);
    mkdirSync(path, { mode: 0o700 | (number & 0o55) });
  },
  rows: ({ path, number }) => rows(path, number),
};

function at(root: string, path: string): string {
  return join(root, path);
}

/** Only SQLite writes to those. */
function isDatabase(path: string): boolean {
  return readFileSync(path).toString('latin1', 0, 15) === 'SQLite format 3';
}

/** Makes an edit; one that cannot be (the place is taken by a folder, say) does nothing. */
function make(root: string, edit: Edit): void {
  try {
    edits[edit.do]({ ...edit, root, path: join(root, edit.at) });
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
  }
}

function rows(path: string, number: number): void {
  if (!path.endsWith('sqlite')) return;
  const database = new DatabaseSync(path);
  database.exec(
    'PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, text)',
  );
  const insert = database.prepare('INSERT OR REPLACE INTO t VALUES (?, ?)');
  database.exec('BEGIN');
  for (let row = 0; row < 40; row += 1) insert.run((number * 7 + row * 13) % 200, `${number} `.repeat(100));
  database.exec('COMMIT');
  database.close();
}

/** The folders that hear of an edit. */
function foldersOf({ at, to }: Edit): string[] {
  return [at, to].flatMap((path) => {
    const parts = path.split('/');
    return parts.map((_, depth) => parts.slice(0, depth).join('/'));
  });
}

const step = fc.record({
  edits: fc.array(edit, { minLength: 1, maxLength: 8 }),
  next: fc.constantFrom('goes on', 'goes on', 'restarts', 'restarts without its log', 'captures forget' as const),
  isHeard: fc.boolean(),
});

/** Some edits, a snapshot, and so on; the agent may be another one after each. */
async function live(
  state: TestState,
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
): Promise<void> {
  let snapshotter = await state.open();
  for (const { edits, next, isHeard } of steps) {
    for (const one of edits) make(state.root, one);
    await state.take(snapshotter, 'request', isHeard ? edits.flatMap(foldersOf) : undefined);
    if (next === 'restarts without its log') rmSync(state.beside('seen.jsonl'), { force: true });
    state.capture.isForgetful = next === 'captures forget';
    if (next.startsWith('restarts')) snapshotter = await state.open();
  }
}

test('whatever happens to a folder, each of its snapshots brings it back exactly', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async (steps) => {
      const state = await TestState.make();
      try {
        await live(state, steps);
        for (const name of state.taken.keys()) await state.assertRestores(name);
      } finally {
        state.end();
      }
    }),
    { numRuns: 20 },
  );
});

test('where it is said which folders changed, no other is looked at, and what is new in them is found whole', async () => {
  const state = await newState();
  const at = (path: string) => join(state.root, path);
  for (const folder of ['one/deep', 'two', 'three']) mkdirSync(at(folder), { recursive: true });
  for (const path of ['one/deep/a', 'two/a', 'three/a']) writeFileSync(at(path), 'old');
  rows(at('two/x.sqlite'), 1);
  const snapshotter = await state.open();
  await state.take(snapshotter);
  writeFileSync(at('one/deep/a'), 'unheard of');
  rmSync(at('three'), { recursive: true });
  writeFileSync(at('three'), 'a file now');
  mkdirSync(at('four/new/deep'), { recursive: true });
  writeFileSync(at('four/new/deep/a'), 'new');
  rows(at('two/x.sqlite'), 2); // of databases it need not be said
  const taken = await state.take(snapshotter, 'change', ['', 'four/new', 'five/that/is/not/there']);
  const restored = await state.restore(taken?.manifest ?? assert.fail());
  const read = (path: string) => readFileSync(join(restored, path), 'utf8');
  assert.deepEqual([read('one/deep/a'), read('three'), read('four/new/deep/a')], ['old', 'a file now', 'new']);
  assert.deepEqual(readFileSync(join(restored, 'two/x.sqlite')), readFileSync(at('two/x.sqlite')));
  assert.equal(await state.take(snapshotter, 'change', []), undefined);
  assert.ok(await state.take(snapshotter, 'change'));
  await state.assertNewestIsNow();
});

test('a long history goes through several full manifests, and its tables do not grow with it', async () => {
  const state = await newState();
  const snapshotter = await state.open();
  for (let count = 0; count < 60; count += 1) {
    writeFileSync(join(state.root, `file-${count % 5}`), noise(3000));
    await state.take(snapshotter);
  }
  const snapshots = await listSnapshots(state.vault);
  assert.equal(snapshots.length, 60);
  assert.ok(
    snapshots.filter(({ depth }) => depth === 0).length > 3,
    'deltas that outweigh a full manifest end its chain',
  );
  for (const { name, sequence } of snapshots) if (sequence % 7 === 0) await state.assertRestores(name);
  const newest = snapshots.at(-1);
  assert.ok(newest);
  const { tree } = await loadSnapshot(state.vault, newest);
  assert.ok(tree.chunks.count < 40, `${tree.chunks.count} chunks for 5 files`);
});

test('nothing changed: nothing is written', async () => {
  const state = await newState();
  writeFileSync(join(state.root, 'a'), 'content');
  rows(join(state.root, 'x.sqlite'), 1);
  let snapshotter = await state.open();
  await state.take(snapshotter);
  for (const restarts of [false, false, true, false]) {
    if (restarts) snapshotter = await state.open();
    state.bucket.calls.length = 0;
    assert.equal(await state.take(snapshotter, 'change'), undefined);
    assert.deepEqual(state.bucket.calls, []);
  }
});

test('what only got a new time is no reason for a snapshot by itself, but is in the next', async () => {
  const state = await newState();
  writeFileSync(join(state.root, 'a'), 'content');
  const snapshotter = await state.open();
  await state.take(snapshotter);
  utimesSync(join(state.root, 'a'), 1000, 1000);
  assert.equal(await state.take(snapshotter, 'change'), undefined);
  assert.equal(await state.take(snapshotter, 'change'), undefined);
  assert.ok(await state.take(snapshotter, 'drain'));
  await state.assertNewestIsNow();
});

test('a database that is read whole again uploads only the pages that changed', async () => {
  const state = await newState();
  const path = join(state.root, 'x.sqlite');
  for (let number = 0; number < 50; number += 1) rows(path, number);
  const snapshotter = await state.open();
  const first = await state.take(snapshotter);
  state.capture.isForgetful = true;
  const database = new DatabaseSync(path);
  database.exec("UPDATE t SET text = 'new' WHERE id = 100");
  database.close();
  const second = await state.take(snapshotter);
  assert.ok(first && second);
  assert.ok(second.changedBytes > 0 && second.changedBytes < statSync(path).size / 4);
  await state.assertNewestIsNow();
});

test('an agent that starts on the same disk reads no file that it has seen', async () => {
  const state = await newState();
  for (let count = 0; count < 20; count += 1) writeFileSync(join(state.root, `${count}`), noise(1000));
  await state.take(await state.open());
  await new Promise((resolve) => setTimeout(resolve, 60)); // past the step of the kernel's clock
  await state.take(await state.open());
  const snapshotter = await state.open();
  // Somebody swaps the content and puts both times of the file back: only a reading would show it.
  const seen = readFileSync(state.beside('seen.jsonl'), 'utf8');
  assert.equal(seen.match(/\["\d+",\[/g)?.length, 20, 'all are remembered');
  assert.equal(await state.take(snapshotter, 'change'), undefined);
});

test('equal content is stored once, in one file or in many', async () => {
  const state = await newState();
  const content = noise(300_000);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(state.root, name), content);
  const result = await state.take(await state.open());
  assert.equal(result?.changedBytes, 300_000);
  await state.assertNewestIsNow();
});

test('what does not pack goes into shorter packs, for several of them are in memory at once', async () => {
  const state = await newState();
  writeFileSync(join(state.root, 'photos'), randomBytes(24_000_000));
  await state.take(await state.open());
  const packs = state.bucket.names('vault/packs/').map((name) => state.bucket.objects.get(name)?.bytes.length ?? 0);
  assert.ok(packs.length > 4 && Math.max(...packs) < 7_000_000, `${packs.join(', ')} bytes`);
  await state.assertNewestIsNow();
});

test('sockets, pipes, caches and locks stay out; empty folders, links and odd names do not', async () => {
  const state = await newState();
  const at = (name: string) => join(state.root, name);
  for (const folder of ['cache/assets', 'tmp', 'empty', 'workspace/tmp']) mkdirSync(at(folder), { recursive: true });
  for (const name of ['cache/assets/a', 'tmp/b', 'gateway.ab12.lock', 'c.0123456789ab.draft'])
    writeFileSync(at(name), 'x');
  execFileSync('mkfifo', [at('pipe')]);
  const server = createServer().listen(at('socket'));
  writeFileSync(Buffer.concat([Buffer.from(`${state.root}/latin-`), Buffer.from([0xe9, 0xff])]), 'é');
  symlinkSync(Buffer.from([0x74, 0x6f, 0xfe]), at('link'));
  writeFileSync(at('workspace/tmp/mine'), 'x');
  const result = await state.take(await state.open());
  server.close();
  assert.ok(result);
  const [snapshot] = await listSnapshots(state.vault);
  assert.ok(snapshot);
  const { tree } = await loadSnapshot(state.vault, snapshot);
  const paths = ['', 'empty', 'latin-\udce9\udcff', 'link', 'workspace', 'workspace/tmp', 'workspace/tmp/mine'];
  assert.deepEqual([...tree.entries.keys()].sort(), paths.sort());
  const restored = await state.restore(result.manifest);
  assert.equal(
    readFileSync(Buffer.concat([Buffer.from(`${restored}/latin-`), Buffer.from([0xe9, 0xff])]), 'utf8'),
    'é',
  );
});

test('times are kept to the nanosecond', async () => {
  const state = await newState();
  execFileSync('touch', ['-d', '2026-11-24 10:00:00.123456789Z', join(state.root, 'a')]);
  execFileSync('touch', ['-d', '1960-01-01 00:00:00.5Z', join(state.root, 'old')]);
  await state.take(await state.open());
  const [snapshot] = await listSnapshots(state.vault);
  assert.ok(snapshot);
  const { entries } = (await loadSnapshot(state.vault, snapshot)).tree;
  assert.deepEqual(entries.get('a')?.time, { seconds: 1_795_514_400, nanoseconds: 123_456_789 });
  assert.deepEqual(entries.get('old')?.time, { seconds: -315_619_200, nanoseconds: 500_000_000 });
});

test('a file that is written to all the while is stored, and said to be unsteady', async () => {
  const state = await newState();
  const path = join(state.root, 'log');
  writeFileSync(path, noise(2_000_000));
  const snapshotter = await state.open();
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      appendFileSync(path, noise(10));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const result = await state.take(snapshotter);
  isOver = true;
  await writing;
  assert.deepEqual(result?.unsteady, ['log']);
  const later = await state.take(snapshotter);
  assert.deepEqual(later?.unsteady, []);
  await state.assertNewestIsNow();
});

test('a state folder that is gone is no empty state', async () => {
  const state = await newState();
  writeFileSync(join(state.root, 'a'), 'content');
  const snapshotter = await state.open();
  await state.take(snapshotter);
  const before = state.bucket.names('');
  renameSync(state.root, `${state.root}-aside`);
  await assert.rejects(state.take(snapshotter), { reason: 'state_missing' });
  assert.deepEqual(state.bucket.names(''), before);
  renameSync(`${state.root}-aside`, state.root);
  writeFileSync(join(state.root, 'b'), 'more');
  assert.ok(await state.take(snapshotter));
});

test('a database that cannot be captured keeps what the snapshot before has of it, and is said', async () => {
  const state = await newState();
  const path = join(state.root, 'x.sqlite');
  rows(path, 1);
  const snapshotter = await state.open();
  const first = await state.take(snapshotter);
  assert.ok(first);
  rows(path, 2);
  writeFileSync(join(state.root, 'a'), 'content');
  const capture = state.capture.capture.bind(state.capture);
  for (const failsIn of ['capture', 'changes'] as const) {
    state.capture.capture = async (...call) => {
      if (failsIn === 'capture') throw new Error('the page is unreadable');
      const captured = await capture(...call);
      if (!captured) return undefined;
      // biome-ignore lint/correctness/useYield: it fails before the first page
      const changes = async function* () {
        throw new Error('the page is unreadable');
      };
      return { ...captured, changes };
    };
    appendFileSync(join(state.root, 'a'), failsIn);
    const result = await state.take(snapshotter);
    assert.deepEqual(result?.unread, [{ path: 'x.sqlite', why: 'the page is unreadable' }]);
    if (failsIn === 'changes') assert.deepEqual(state.capture.released.at(-1), [path, false]);
    const restored = await state.restore(result.manifest);
    const old = await state.restore(first.manifest);
    assert.deepEqual(readFileSync(join(restored, 'x.sqlite')), readFileSync(join(old, 'x.sqlite')));
    assert.equal(readFileSync(join(restored, 'a'), 'utf8'), readFileSync(join(state.root, 'a'), 'utf8'));
  }
  state.capture.capture = capture;
  await state.take(snapshotter);
  await state.assertNewestIsNow();
});

test('captures are released as stored when they are, and forgotten when the database is gone', async () => {
  const state = await newState();
  const path = join(state.root, 'x.sqlite');
  rows(path, 1);
  const snapshotter = await state.open();
  state.bucket.onCall = (call) => {
    if (call.startsWith('replace vault/head')) throw new Error('the bucket is away');
  };
  await assert.rejects(state.take(snapshotter));
  state.bucket.onCall = () => {};
  await state.take(snapshotter);
  await state.take(snapshotter);
  assert.deepEqual(state.capture.released, [
    [path, false],
    [path, true],
    [path, true],
  ]);
  rmSync(path);
  await state.take(snapshotter);
  assert.deepEqual(state.capture.forgotten, [path]);
  await state.assertNewestIsNow();
});

test('an agent whose epoch is old cannot store anything any more', async () => {
  const state = await newState();
  writeFileSync(join(state.root, 'a'), 'content');
  const old = await state.open();
  await state.take(old);
  state.epoch = 2;
  const newer = await state.open();
  writeFileSync(join(state.root, 'a'), 'other');
  await assert.rejects(state.take(old), { reason: 'head_taken' });
  await assert.rejects(state.take(old), { reason: 'head_taken' });
  assert.ok(await state.take(newer));
  await state.assertNewestIsNow();
});

test('snapshots have rising times, whatever the clock says', async () => {
  const state = await newState();
  const snapshotter = await state.open();
  const times: number[] = [];
  for (let count = 0; count < 5; count += 1) {
    writeFileSync(join(state.root, 'a'), `${count}`);
    times.push((await state.take(snapshotter))?.takenAtMillis ?? 0);
  }
  assert.deepEqual(
    times,
    [...new Set(times)].sort((a, b) => a - b),
  );
});

test('what one process stores of a file is not seen by another key', async () => {
  const state = await newState();
  const secret = 'a sentence that only one person wrote';
  writeFileSync(join(state.root, 'diary'), secret);
  rows(join(state.root, 'secret-name.sqlite'), 1);
  await state.take(await state.open());
  for (const { bytes } of state.bucket.objects.values())
    for (const word of [secret, 'diary', 'secret-name', '2026.9.6']) assert.ok(!bytes.includes(word));
  assert.ok(state.bucket.objects.has(objectAt({ kind: 'head' })));
});
