import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { KeptStates, restoreState } from './kept-states.ts';
import { temporaryFolder } from './testing.ts';

const folder = temporaryFolder();
after(() => folder.remove());
let count = 0;

async function tenant() {
  count += 1;
  const data = join(folder.path, `${count}`);
  const state = join(data, 'state');
  await mkdir(join(state, 'state'), { recursive: true, mode: 0o700 });
  await writeFile(join(state, 'openclaw.json'), '{}', { mode: 0o600 });
  await writeFile(join(state, 'state', 'openclaw.sqlite'), 'old');
  return { data, state, kept: new KeptStates(join(data, 'kept')) };
}

const read = (...path: string[]) => readFile(join(...path), 'utf8');

test('a copy has what the state has: content, modes, links; not caches, locks, sockets and pipes', async () => {
  const { state, kept } = await tenant();
  await mkdir(join(state, 'cache/control-ui-assets'), { recursive: true });
  await writeFile(join(state, 'cache/control-ui-assets/big.js'), 'made anew');
  await writeFile(join(state, 'cache/other'), 'kept');
  await mkdir(join(state, 'tmp/openclaw-0'), { recursive: true });
  await symlink('../outside/skills', join(state, 'plugin-skills'));
  assert.equal(spawnSync('mkfifo', [join(state, 'pipe')]).status, 0);
  const server = createServer().listen(join(state, 'socket'));
  try {
    await kept.keep(state, { id: 'one', version: '1', atMillis: 5 });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  const copy = kept.directory('one');
  assert.deepEqual((await readdir(copy)).sort(), ['cache', 'openclaw.json', 'plugin-skills', 'state']);
  assert.deepEqual(await readdir(join(copy, 'cache')), ['other']);
  assert.equal(await readlink(join(copy, 'plugin-skills')), '../outside/skills');
  assert.equal((await lstat(join(copy, 'openclaw.json'))).mode & 0o777, 0o600);
  assert.equal((await lstat(join(copy, 'state'))).mode & 0o777, 0o700);
  assert.deepEqual(await kept.list(), [{ id: 'one', version: '1', atMillis: 5 }]);
});

test('keeping again under one id changes nothing: after a crash the state may have been written since', async () => {
  const { state, kept } = await tenant();
  await kept.keep(state, { id: 'one', version: '1', atMillis: 5 });
  await writeFile(join(state, 'state', 'openclaw.sqlite'), 'new');
  await kept.keep(state, { id: 'one', version: '2', atMillis: 6 });
  assert.equal(await read(kept.directory('one'), 'state', 'openclaw.sqlite'), 'old');
  assert.equal((await kept.list())[0]?.version, '1');
});

test('what a crash left half copied is no kept state, and goes', async () => {
  const { state, kept, data } = await tenant();
  await mkdir(join(data, 'kept', 'one.partial', 'state'), { recursive: true });
  await writeFile(join(data, 'kept', 'one.partial', 'kept.json'), '{"id":"one","version":"1","atMillis":1}');
  assert.deepEqual(await kept.list(), []);
  await kept.keep(state, { id: 'two', version: '1', atMillis: 2 });
  await kept.prune();
  assert.deepEqual(await readdir(join(data, 'kept')), ['two']);
});

test('the newest three stay', async () => {
  const { state, kept } = await tenant();
  for (const [id, atMillis] of [
    ['b', 2],
    ['d', 4],
    ['a', 1],
    ['c', 3],
  ] as const) {
    await kept.keep(state, { id, version: '1', atMillis });
  }
  await kept.prune();
  assert.deepEqual(
    (await kept.list()).map(({ id }) => id),
    ['d', 'c', 'b'],
  );
});

// What restoring leaves when it is killed between two of its renames; each must come out the same when done again.
const crashes: readonly { reason: string; leave: (state: string, copy: string) => Promise<void> }[] = [
  { reason: 'not begun', leave: async () => {} },
  {
    reason: 'killed while it copied',
    leave: async (state) => {
      await mkdir(`${state}.incoming.partial`);
      await writeFile(join(`${state}.incoming.partial`, 'half'), 'x');
    },
  },
  { reason: 'killed after the copy', leave: (state, copy) => cp(copy, `${state}.incoming`, { recursive: true }) },
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
    const { state, kept, data } = await tenant();
    await kept.keep(state, { id: 'one', version: '1', atMillis: 5 });
    await writeFile(join(state, 'state', 'openclaw.sqlite'), 'written by the new version');
    await writeFile(join(state, 'only-new'), 'x');
    await leave(state, kept.directory('one'));
    await restoreState(state, kept.directory('one'));
    assert.equal(await read(state, 'state', 'openclaw.sqlite'), 'old');
    assert.deepEqual((await readdir(state)).sort(), ['openclaw.json', 'state']);
    assert.deepEqual((await readdir(data)).sort(), ['kept', 'state'], 'nothing lies about');
    assert.equal(await read(kept.directory('one'), 'state', 'openclaw.sqlite'), 'old', 'the copy is still there');
  });
}
