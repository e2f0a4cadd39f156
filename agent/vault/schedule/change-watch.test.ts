import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { never, TestState } from '../snapshot/testing.ts';
import { assertSameTree, listTree, temporaryFolder } from '../testing.ts';
import { anyFolderChange, changeFolder } from '../testing-folder-changes.ts';
import { ChangeWatch } from './change-watch.ts';
import { HeardFolders } from './heard-folders.ts';

/** A watch, and what it heard. */
function watched(root: string) {
  const heard = new HeardFolders();
  const watch = new ChangeWatch(root, { onEvent: () => heard.event(), onChange: (folder) => heard.add(folder) });
  watch.look(heard.take());
  return { heard, watch };
}

/** Waits until something holds, which takes no longer than the kernel's news. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `in vain: ${what}`);
    await setImmediate();
  }
}

test('what the kernel tells is enough: without a look at everything each change is stored', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anyFolderChange, { maxLength: 8 }), { maxLength: 8 }), async (bursts) => {
      const state = await TestState.make();
      const snapshotter = await state.open();
      await state.take(snapshotter);
      const { heard, watch } = watched(state.root);
      try {
        let taken = new Map(listTree(state.root));
        const takeHeard = async () => {
          const where = heard.take();
          assert.ok(where, 'it is known where');
          const within = new Set([...where, ...watch.look(where)]);
          await snapshotter.snapshot({ reason: 'request', openclawVersion: null, within }, never);
          const { newestName } = snapshotter;
          if (newestName) taken = listTree(await state.restore(newestName));
        };
        const isStored = () => isSame(taken, listTree(state.root));
        for (const [burst, changes] of bursts.entries()) {
          for (const [at, change] of changes.entries()) changeFolder(state.root, change, `${burst} ${at}`);
          if (burst % 3 === 2) continue; // these come together with the next ones
          await until('everything is stored', async () => {
            if (!isStored()) await takeHeard();
            return isStored();
          });
        }
      } finally {
        watch.close();
        state.end();
      }
    }),
    { numRuns: 20 },
  );
});

function isSame(a: ReturnType<typeof listTree>, b: ReturnType<typeof listTree>): boolean {
  try {
    assertSameTree(a, b);
    return true;
  } catch {
    return false;
  }
}

/** Hears of a change in a folder. */
async function hears(heard: HeardFolders, folder: string): Promise<void> {
  await until(`a change in "${folder}" is heard of`, () => {
    const where = heard.take();
    heard.giveBack(where);
    return where === undefined || where.has(folder);
  });
}

test('a folder that takes another’s place is watched in its stead, the root itself too', async () => {
  const folder = temporaryFolder();
  const root = join(folder.path, 'state');
  mkdirSync(join(root, 'a', 'b'), { recursive: true });
  const { heard, watch } = watched(root);
  renameSync(root, `${root}.replaced`);
  mkdirSync(join(root, 'a', 'b'), { recursive: true });
  rmSync(`${root}.replaced`, { recursive: true });
  assert.deepEqual(watch.look(undefined).sort(), ['', 'a', 'a/b']);
  heard.take();
  writeFileSync(join(root, 'a', 'b', 'file'), 'new');
  await hears(heard, 'a/b');
  renameSync(join(root, 'a'), join(root, 'moved'));
  mkdirSync(join(root, 'a', 'b'), { recursive: true });
  await hears(heard, '');
  assert.deepEqual(watch.look(heard.take()).sort(), ['a', 'a/b', 'moved', 'moved/b']);
  writeFileSync(join(root, 'a', 'b', 'file'), 'newer');
  await hears(heard, 'a/b');
  watch.close();
  folder.remove();
});

test('what snapshots leave out is not told of', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder.path, 'tmp'));
  const { heard, watch } = watched(folder.path);
  writeFileSync(join(folder.path, 'tmp', 'x'), '');
  writeFileSync(join(folder.path, 'x.sqlite-shm'), '');
  writeFileSync(join(folder.path, 'gateway.ab12.lock'), '');
  mkdirSync(join(folder.path, 'told'));
  await until('the last is told', () => {
    const where = heard.take();
    if (where?.size) assert.deepEqual([...where], ['']);
    return where?.size === 1;
  });
  writeFileSync(join(folder.path, 'y.sqlite-shm'), '');
  watch.close();
  folder.remove();
});

test('so many events that the kernel may have dropped some mean that a change may be anywhere', () => {
  const heard = new HeardFolders();
  heard.take();
  for (let event = 0; event < 4_095; event += 1) heard.event();
  heard.add('a');
  assert.deepEqual([...(heard.take() ?? [])], ['a']);
  for (let event = 0; event < 4_096; event += 1) heard.event();
  heard.add('a');
  const where = heard.take();
  assert.equal(where, undefined);
  heard.giveBack(where);
  assert.equal(heard.take(), undefined, 'a snapshot that failed gives it back');
});
