/** Files with several names: one snapshot after the other has them as they are, and so does what is restored. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
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
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { findSnapshot } from '../history/find-snapshot.ts';
import { seededRandom } from '../testing.ts';
import { firstNameOf, isFile } from '../tree/entries.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import { verify } from '../verify/verify.ts';
import { databasesOf } from './named-databases.ts';
import { never, TestState } from './testing.ts';

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

const names = ['a', 'b', 'd/a', 'd/b', 'e/a', 'e/f/a'];
const edit = fc.record({
  do: fc.constantFrom(
    'write',
    'append',
    'link',
    'link',
    'symlink',
    'unlink',
    'replace',
    'move',
    'chmod',
    'touch' as const,
  ),
  at: fc.constantFrom(...names),
  to: fc.constantFrom(...names),
  number: fc.nat(5000),
});
type Edit = typeof edit extends fc.Arbitrary<infer E> ? E : never;

const edits: { readonly [What in Edit['do']]: (at: string, to: string, number: number) => void } = {
  write: (at, _, number) => writeFileSync(at, noise(number)), // in place: under all names
  append: (at, _, number) => existsSync(at) && appendFileSync(at, noise(number)),
  link(at, to) {
    rmSync(to, { force: true });
    linkSync(at, to);
  },
  symlink(at) {
    rmSync(at, { force: true });
    symlinkSync('no/where', at);
  },
  unlink: (at) => rmSync(at),
  replace(at, _, number) {
    writeFileSync(`${at}.new`, noise(number));
    renameSync(`${at}.new`, at);
  },
  move: (at, to) => renameSync(at, to),
  chmod: (at, _, number) => chmodSync(at, 0o600 | (number & 0o77)),
  touch: (at, _, number) => utimesSync(at, number, number + 0.125),
};

/** Makes an edit, and returns the folders that hear of it: not those of the other names. */
function make(root: string, { do: what, at, to, number }: Edit): string[] {
  if (at === to) return [];
  for (const path of [at, to]) mkdirSync(dirname(join(root, path)), { recursive: true });
  try {
    edits[what](join(root, at), join(root, to), number);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause; // it is not there, or is a link that leads nowhere
  }
  const heard = ['link', 'move'].includes(what) ? [at, to] : [at];
  return [...heard.map(folderOf), '', 'e'];
}

function folderOf(path: string): string {
  return path.includes('/') ? dirname(path) : '';
}

/** The newest snapshot as plain values; of content counts what it is called. */
async function newestTree({ vault }: TestState) {
  const newest = await findSnapshot(vault, { by: 'newest' });
  assert.ok(newest);
  const { tree } = await loadSnapshot(vault, newest);
  const name = Buffer.alloc(16);
  return [...tree.entries]
    .map(([path, entry]) => {
      if (!isFile(entry)) return { path, ...entry };
      const chunks = Array.from(entry.chunks, (chunk) => {
        tree.chunks.writeName(chunk, name, 0);
        return name.toString('hex');
      });
      return { path, ...entry, chunks };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

test('whatever happens to files with several names, each snapshot has them, as one that looks at everything anew would', async () => {
  const step = fc.record({ edits: fc.array(edit, { minLength: 1, maxLength: 6 }), restarts: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async (steps) => {
      const state = await TestState.make();
      try {
        for (const name of ['d', 'e/f']) mkdirSync(join(state.root, name), { recursive: true });
        let snapshotter = await state.open();
        await state.take(snapshotter);
        for (const { edits: some, restarts } of steps) {
          const heard = some.flatMap((one) => make(state.root, one));
          await state.take(snapshotter, 'request', heard);
          const incremental = await newestTree(state);
          rmSync(state.beside('seen.jsonl'), { force: true });
          await state.take(await state.open()); // knows nothing of what was seen
          assert.deepEqual(incremental, await newestTree(state));
          snapshotter = restarts ? await state.open() : snapshotter;
          await state.assertNewestIsNow();
          snapshotter = await state.open();
        }
        assert.deepEqual((await verify(state.vault, undefined, () => {}, never)).damaged, []);
      } finally {
        state.end();
      }
    }),
    { numRuns: 15 },
  );
});

/** A folder with `one/a` and `two/b` that are one file, `three/c` that is not, and a snapshot of it. */
async function linked(content: string | Buffer = 'content') {
  const state = await newState();
  const at = (path: string) => join(state.root, path);
  for (const folder of ['one', 'two', 'three']) mkdirSync(at(folder));
  writeFileSync(at('one/a'), content);
  writeFileSync(at('three/c'), content);
  linkSync(at('one/a'), at('two/b'));
  const snapshotter = await state.open();
  await state.take(snapshotter);
  return { state, snapshotter, at };
}

async function namesOf(state: TestState): Promise<Record<string, string | undefined>> {
  const files = (await newestTree(state)).filter(({ kind }) => kind !== 'folder');
  return Object.fromEntries(files.map(({ path, ...entry }) => [path, firstNameOf(entry as never)]));
}

const changes: {
  reason: string;
  change: (at: (path: string) => string) => void;
  heard: string[];
  names: Record<string, string | undefined>;
}[] = [
  {
    reason: 'an edit through one name is one under the other, whose folder heard nothing',
    change: (at) => appendFileSync(at('two/b'), 'more'),
    heard: ['two'],
    names: { 'one/a': undefined, 'two/b': 'one/a', 'three/c': undefined },
  },
  {
    reason: 'the first name is removed: the other is by itself',
    change: (at) => rmSync(at('one/a')),
    heard: ['one'],
    names: { 'two/b': undefined, 'three/c': undefined },
  },
  {
    reason: 'the first name is given to another file: the other keeps what it was',
    change(at) {
      writeFileSync(at('one/new'), 'another');
      renameSync(at('one/new'), at('one/a'));
    },
    heard: ['one'],
    names: { 'one/a': undefined, 'two/b': undefined, 'three/c': undefined },
  },
  {
    reason: 'a third name that comes before the others is the first from now on',
    change: (at) => linkSync(at('two/b'), at('a')),
    heard: [''],
    names: { a: undefined, 'one/a': 'a', 'two/b': 'a', 'three/c': undefined },
  },
  {
    reason: 'a name is moved to another folder',
    change: (at) => renameSync(at('one/a'), at('three/z')),
    heard: ['one', 'three'],
    names: { 'two/b': 'three/z', 'three/z': undefined, 'three/c': undefined },
  },
  {
    reason: 'a file that had one name gets a second one in another folder',
    change: (at) => linkSync(at('three/c'), at('one/c')),
    heard: ['one'],
    names: { 'one/a': undefined, 'one/c': undefined, 'two/b': 'one/a', 'three/c': 'one/c' },
  },
  {
    reason: 'a whole folder goes, and with it one of the names',
    change: (at) => rmSync(at('one'), { recursive: true }),
    heard: [''],
    names: { 'two/b': undefined, 'three/c': undefined },
  },
];
for (const { reason, change, heard, names: expected } of changes) {
  test(reason, async () => {
    const { state, snapshotter, at } = await linked();
    change(at);
    await state.take(snapshotter, 'request', heard);
    assert.deepEqual(await namesOf(state), expected);
    await state.assertNewestIsNow();
  });
}

test('content is read and stored once, however many names it has', async () => {
  const state = await newState();
  writeFileSync(join(state.root, 'a'), noise(1_000_000));
  for (let count = 0; count < 20; count += 1) linkSync(join(state.root, 'a'), join(state.root, `a${count}`));
  const taken = await state.take(await state.open());
  assert.equal(taken?.changedBytes, 1_000_000);
  const summary = (
    await loadSnapshot(state.vault, (await findSnapshot(state.vault, { by: 'newest' })) ?? assert.fail())
  ).summary;
  assert.deepEqual([summary.files, summary.bytes], [21, 1_000_000]);
});

test('names outside of the state, and those that are left out, do not count', async () => {
  const { state, snapshotter, at } = await linked();
  mkdirSync(at('cache'));
  linkSync(at('three/c'), at('cache/c'));
  linkSync(at('one/a'), state.beside('outside'));
  await state.take(snapshotter);
  assert.deepEqual(await namesOf(state), { 'one/a': undefined, 'two/b': 'one/a', 'three/c': undefined });
  writeFileSync(state.beside('outside'), 'written from outside'); // nobody hears of it but who looks at all
  await state.take(snapshotter);
  const restored = await state.restore((await findSnapshot(state.vault, { by: 'newest' }))?.name ?? assert.fail());
  assert.equal(readFileSync(join(restored, 'two/b'), 'utf8'), 'written from outside');
  assert.equal(statSync(join(restored, 'two/b')).nlink, 2);
  assert.equal(statSync(join(restored, 'three/c')).nlink, 1);
});

test('what was restored is not read again', async () => {
  const { state, at } = await linked(noise(300_000));
  const { name } = (await findSnapshot(state.vault, { by: 'newest' })) ?? assert.fail();
  const restored = await state.restore(name);
  assert.equal(statSync(join(restored, 'one/a')).ino, statSync(join(restored, 'two/b')).ino);
  const { seen } = state.lastRestored ?? assert.fail();
  for (const path of ['one/a', 'two/b', 'three/c'])
    assert.equal(seen?.files.get(path)?.[3], statSync(join(restored, path)).ctimeMs, path);
  assert.ok(existsSync(at('one/a')));
});

test('a part that has not the first name has the others as one file all the same', async () => {
  const { state, snapshotter, at } = await linked();
  linkSync(at('one/a'), at('two/c'));
  const { manifest } = (await state.take(snapshotter)) ?? assert.fail();
  const part = await state.restore(manifest, 'two');
  assert.equal(statSync(join(part, 'b')).ino, statSync(join(part, 'c')).ino);
  assert.equal(readFileSync(join(part, 'c'), 'utf8'), 'content');
  assert.equal(readFileSync(join(await state.restore(manifest, 'two/b'), 'b'), 'utf8'), 'content');
});

test('a name that cannot be looked at keeps what it had when the others change', async (t: TestContext) => {
  for (const hidden of ['one', 'two']) {
    const { state, snapshotter, at } = await linked();
    const { status } = spawnSync('mount', ['-t', 'proc', 'proc', at(hidden)]);
    if (status !== 0) return t.skip('mounting a file system takes root');
    try {
      writeFileSync(at(hidden === 'one' ? 'two/b' : 'one/a'), 'new');
      await snapshotter.snapshot({ reason: 'request', openclawVersion: null }, never);
    } finally {
      spawnSync('umount', [at(hidden)]);
    }
    const newest = (await findSnapshot(state.vault, { by: 'newest' })) ?? assert.fail();
    const restored = await state.restore(newest.name);
    const read = ['one/a', 'two/b'].map((path) => readFileSync(join(restored, path), 'utf8'));
    assert.deepEqual(read, hidden === 'one' ? ['content', 'new'] : ['new', 'content']);
    await state.take(snapshotter);
    await state.assertNewestIsNow();
  }
  return undefined;
});

/** `x.sqlite` and `y.sqlite` are one file. */
async function linkedDatabases() {
  const state = await newState();
  const at = (path: string) => join(state.root, path);
  const database = new DatabaseSync(at('x.sqlite'));
  database.exec("CREATE TABLE t(text); INSERT INTO t VALUES ('first')");
  database.close();
  linkSync(at('x.sqlite'), at('y.sqlite'));
  const snapshotter = await state.open();
  await state.take(snapshotter);
  return { state, snapshotter, at };
}

function textsIn(path: string): unknown[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database
      .prepare('SELECT text FROM t')
      .all()
      .map(({ text }) => text);
  } finally {
    database.close();
  }
}

test('a database of two names is captured once, and is one after it was restored', async () => {
  const { state, snapshotter, at } = await linkedDatabases();
  for (const [name, text] of [
    ['y', 'second'],
    ['x', 'third'],
  ]) {
    const database = new DatabaseSync(at(`${name}.sqlite`));
    database.exec(`INSERT INTO t VALUES ('${text}')`);
    database.close();
    const taken = await state.take(snapshotter);
    const restored = await state.restore(taken?.manifest ?? assert.fail());
    assert.equal(statSync(join(restored, 'x.sqlite')).ino, statSync(join(restored, 'y.sqlite')).ino);
    assert.deepEqual(textsIn(join(restored, 'y.sqlite')), textsIn(at('x.sqlite')));
  }
  assert.equal(await state.take(snapshotter, 'change'), undefined, 'nothing changed');
  rmSync(at('x.sqlite'));
  await state.take(snapshotter);
  assert.deepEqual(await namesOf(state), { 'y.sqlite': undefined });
});

const besides = [
  { reason: 'beside none: by its first name', beside: [], expected: [['a', ['a', 'b', 'c']]] },
  { reason: 'beside another name: by that one', beside: ['b-wal'], expected: [['b', ['a', 'b', 'c']]] },
  { reason: 'a journal counts as well', beside: ['c-journal'], expected: [['c', ['a', 'b', 'c']]] },
  {
    reason: 'beside two they are two contents, and stay two files',
    beside: ['a-wal', 'c-wal'],
    expected: [
      ['a', ['a']],
      ['b', ['b']],
      ['c', ['c']],
    ],
  },
];
for (const { reason, beside, expected } of besides) {
  test(`under which name a database is captured: what SQLite keeps lies ${reason}`, async () => {
    const state = await newState();
    for (const name of beside) writeFileSync(join(state.root, name), 'pages');
    writeFileSync(join(state.root, 'a-shm'), '');
    const group = { names: ['a', 'b', 'c'], isThis: () => true };
    const groups = new Map(group.names.map((name) => [name, group]));
    const found = [...databasesOf(state.root, ['a', 'b', 'c'], groups)];
    assert.deepEqual(
      found.map(({ path, names: all }) => [path, all]),
      expected,
    );
  });
}

test('what is in the log beside the second name is in the file under both after a restore', async () => {
  const { state, snapshotter, at } = await linkedDatabases();
  const writer = new DatabaseSync(at('y.sqlite'));
  try {
    writer.exec("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; INSERT INTO t VALUES ('in the log')");
    assert.ok(statSync(at('y.sqlite-wal')).size > 0);
    const taken = await state.take(snapshotter);
    const restored = await state.restore(taken?.manifest ?? assert.fail());
    for (const name of ['x', 'y']) assert.deepEqual(textsIn(join(restored, `${name}.sqlite`)), ['first', 'in the log']);
  } finally {
    writer.close();
  }
});
