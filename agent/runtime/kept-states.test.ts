import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KeptStates, replaceFolder } from './kept-states.ts';
import { FolderArchive, temporaryFolder } from './testing.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const { signal } = new AbortController();
let count = 0;

async function tenant() {
  count += 1;
  const data = join(folder.path, `${count}`, 'data');
  const state = join(data, 'state');
  await mkdir(join(state, 'state'), { recursive: true, mode: 0o700 });
  await writeFile(join(state, 'openclaw.json'), '{}', { mode: 0o600 });
  await writeFile(join(state, 'state', 'openclaw.sqlite'), 'old');
  const archive = new FolderArchive(join(folder.path, `${count}`, 'archive'), state);
  const tmp = join(folder.path, `${count}`, 'tmp');
  const kept = new KeptStates({ folder: join(data, 'kept'), copy: join(data, 'kept-copy.json'), tmp, archive });
  return { data, state, kept, archive, tmp };
}

const read = (...path: string[]) => readFile(join(...path), 'utf8');

test('a kept state is stored before its record is there', async () => {
  const { kept, archive } = await tenant();
  await kept.keep({ id: 'one', version: '1', atMillis: 5 }, signal);
  assert.deepEqual(await kept.list(), [{ id: 'one', version: '1', atMillis: 5, stored: '1' }]);
  assert.equal(await read(archive.path('1'), 'state', 'openclaw.sqlite'), 'old');
  archive.store = () => Promise.reject(new Error('the bucket is away'));
  await assert.rejects(kept.keep({ id: 'two', version: '1', atMillis: 6 }, signal), /away/);
  assert.equal((await kept.list()).length, 1, 'what is not stored is not kept');
});

test('keeping again under one id changes nothing: after a crash the state may have been written since', async () => {
  const { state, kept } = await tenant();
  await kept.keep({ id: 'one', version: '1', atMillis: 5 }, signal);
  await writeFile(join(state, 'state', 'openclaw.sqlite'), 'new');
  await kept.keep({ id: 'one', version: '2', atMillis: 6 }, signal);
  assert.deepEqual(await kept.list(), [{ id: 'one', version: '1', atMillis: 5, stored: '1' }]);
});

test('the last three stay, in the order in which they were kept, whatever the clock said', async () => {
  const { kept } = await tenant();
  for (const [id, atMillis] of [
    ['a', 1],
    ['b', 400],
    ['c', 2],
    ['d', 3],
    ['e', 4],
  ] as const) {
    await kept.keep({ id, version: '1', atMillis }, signal);
  }
  await kept.prune();
  assert.deepEqual(
    (await kept.list()).map(({ id }) => id),
    ['e', 'd', 'c'],
  );
});

test('a version is asked about the database of a kept state on a copy, which goes away', async () => {
  const { kept, tmp } = await tenant();
  await kept.keep({ id: 'one', version: '1', atMillis: 5 }, signal);
  const [one] = await kept.list();
  assert.ok(one);
  await kept.withDatabase(
    one,
    async (copy) => assert.equal(await read(copy, 'state', 'openclaw.sqlite'), 'old'),
    signal,
  );
  assert.deepEqual(await readdir(tmp), []);
});

// What replacing leaves when it is killed between two of its renames; each must come out the same when done again.
const crashes: readonly { reason: string; leave: (state: string, copy: string) => Promise<void> }[] = [
  { reason: 'not begun', leave: async () => {} },
  {
    reason: 'killed with the kept state beside',
    leave: (state, copy) => cp(copy, `${state}.incoming`, { recursive: true }),
  },
  {
    reason: 'killed with the state moved away',
    leave: async (state, copy) => {
      await cp(copy, `${state}.incoming`, { recursive: true });
      await rename(state, `${state}.aside`);
    },
  },
  {
    reason: 'killed with the kept state in place',
    leave: async (state, copy) => {
      await rename(state, `${state}.aside`);
      await cp(copy, state, { recursive: true });
    },
  },
  {
    reason: 'killed while the old state was removed',
    leave: async (state, copy) => {
      await rename(state, `${state}.aside`);
      await cp(copy, state, { recursive: true });
      await rm(join(`${state}.aside`, 'openclaw.json'));
    },
  },
  { reason: 'the state is gone', leave: (state) => rm(state, { recursive: true }) },
];

for (const { reason, leave } of crashes) {
  test(`restore: ${reason}`, async () => {
    const { state, kept, data, archive } = await tenant();
    await kept.keep({ id: 'one', version: '1', atMillis: 5 }, signal);
    await writeFile(join(state, 'state', 'openclaw.sqlite'), 'written by the new version');
    await writeFile(join(state, 'only-new'), 'x');
    await leave(state, archive.path('1'));
    await kept.restore('one', state, signal);
    assert.equal(await read(state, 'state', 'openclaw.sqlite'), 'old');
    assert.deepEqual((await readdir(state)).sort(), ['openclaw.json', 'state']);
    assert.deepEqual((await readdir(data)).sort(), ['kept', 'state'], 'nothing lies about');
  });
}

test('a state that cannot be brought leaves the one that is there', async () => {
  const { state } = await tenant();
  await assert.rejects(
    replaceFolder(state, () => Promise.reject(new Error('the bucket is away'))),
    /away/,
  );
  assert.equal(await read(state, 'state', 'openclaw.sqlite'), 'old');
});
