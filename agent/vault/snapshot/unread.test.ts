/** One path that cannot be read is named, and everything else is stored. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import type { SnapshotResult, Snapshotter } from './snapshotter.ts';
import { never, TestState } from './testing.ts';
import { whyUnread } from './unread.ts';

const states: TestState[] = [];
after(async () => {
  for (const state of states) await removeTree(state.beside('.'));
});
/** As `TestState.take`, which also looks at everything: it could not here. */
function take(snapshotter: Snapshotter): Promise<SnapshotResult | undefined> {
  return snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
}

async function newState(): Promise<TestState> {
  const state = await TestState.make();
  states.push(state);
  return state;
}

function systemError(code: string, errno: number): Error {
  return Object.assign(new Error(`${code}: read '${'x'.repeat(5_000)}'`), { code, errno, path: 'x'.repeat(5_000) });
}

const reasons = [
  { reason: 'a file of another user', thrown: systemError('EACCES', -13), why: 'it may not be read' },
  { reason: 'a bad sector, in the words of the system', thrown: systemError('EIO', -5), why: 'i/o error (EIO)' },
  {
    reason: 'a mount whose server died',
    thrown: systemError('ENOTCONN', -107),
    why: 'the file system that was mounted there is gone (ENOTCONN)',
  },
  {
    reason: 'a path that is too long is not told whole',
    thrown: systemError('ENAMETOOLONG', -36),
    why: 'its path is longer than the operating system takes (ENAMETOOLONG)',
  },
  {
    reason: 'descriptors that are used up say nothing of the path',
    thrown: systemError('EMFILE', -24),
    why: undefined,
  },
  { reason: 'an error of ours is none of the path', thrown: new OpenCraneError('internal', 'x', 'x'), why: undefined },
  { reason: 'a defect is no error of the path', thrown: new TypeError('x'), why: undefined },
] as const;
for (const { reason, thrown, why } of reasons) test(reason, () => assert.equal(whyUnread(thrown), why));

/** Folders of 200 characters, one in the other, below `top`; each half is short enough to be made by its path. */
function makeDeep(top: string): void {
  const name = 'd'.repeat(200);
  const half = (from: string, count: number) => join(from, ...Array.from({ length: count }, () => name));
  const [upper, lower] = [half(top, 13), half(`${top}-lower`, 12)];
  mkdirSync(upper, { recursive: true });
  mkdirSync(lower, { recursive: true });
  writeFileSync(join(lower, 'deep'), 'too deep');
  renameSync(join(`${top}-lower`, name), join(upper, name));
  rmSync(`${top}-lower`, { recursive: true });
}

test('folders that are nested too deep to be read are named; what is beside them is stored, comes back, and goes', async () => {
  const state = await newState();
  makeDeep(join(state.root, 'workspace'));
  writeFileSync(join(state.root, 'beside'), 'content');
  const snapshotter = await state.open();
  const taken = await take(snapshotter);
  assert.ok(taken);
  assert.equal(taken.unread.length, 1);
  const [unread] = taken.unread;
  assert.equal(unread?.why, 'its path is longer than the operating system takes (ENAMETOOLONG)');
  assert.ok(unread?.path.startsWith('workspace/ddd') && unread.path.length > 3_800);
  const restored = await state.restore(taken.manifest);
  assert.equal(readFileSync(join(restored, 'beside'), 'utf8'), 'content');
  await removeTree(state.root);
  assert.equal(statSync(state.root, { throwIfNoEntry: false }), undefined);
});

test('what a short folder has room for is restored into one with a long name', async () => {
  const state = await newState();
  const [name, target] = ['d'.repeat(200), state.beside('restored-1')];
  const room = 4_095 - state.root.length - 1;
  const parts = Array.from({ length: Math.floor(room / 201) }, () => name);
  const rest = room - parts.length * 201;
  mkdirSync(join(state.root, ...parts), { recursive: true });
  const path = [...parts, ...(rest > 0 ? ['f'.repeat(Math.min(rest, 255))] : [])].join('/');
  if (rest > 0) writeFileSync(join(state.root, path), 'at the end');
  assert.ok(target.length > state.root.length);
  const taken = await take(await state.open());
  assert.deepEqual(taken?.unread, []);
  await state.restore(taken.manifest);
  renameSync(state.root, state.beside('o'));
  renameSync(target, state.root); // it can only be read under the short name
  assert.equal(readFileSync(join(state.root, path), 'utf8'), 'at the end');
});

test('what cannot be read is told even when there is nothing to store, and no more when it can be read', async () => {
  const state = await newState();
  const folder = join(state.root, 'a');
  mkdirSync(folder);
  makeDeep(join(folder, 'deep'));
  const snapshotter = await state.open();
  await take(snapshotter);
  assert.equal(await take(snapshotter), undefined);
  assert.equal(snapshotter.unread.length, 1);
  await removeTree(join(folder, 'deep'));
  await take(snapshotter);
  assert.deepEqual(snapshotter.unread, []);
  await state.assertNewestIsNow();
});

/** A file system on a disk whose end is missing: reading what lies there is a real EIO. */
function badDisk(at: string): { readonly skip: string } | { readonly breakIt: () => void; readonly end: () => void } {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return { skip: 'only root on Linux can mount a disk' };
  const image = `${at}.img`;
  writeFileSync(image, '');
  truncateSync(image, 64 * 1024 * 1024);
  try {
    execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image], { stdio: 'pipe' });
    execFileSync('mount', ['-o', 'loop,noatime', image, at], { stdio: 'pipe' });
  } catch (cause) {
    return { skip: `no loop devices here: ${cause}` };
  }
  const end = () => execFileSync('umount', [at]);
  return {
    breakIt() {
      execFileSync('mount', ['-o', 'remount,ro', at]);
      truncateSync(image, readFileSync(image).indexOf('unreadable content') & ~4095);
      execFileSync('dd', [`if=${at}/bad`, 'iflag=nocache', 'count=0'], { stdio: 'pipe' }); // what was just written is in memory
    },
    end,
  };
}

test('a file whose sectors cannot be read keeps what the snapshot before has of it, and the rest is stored', async (t) => {
  const state = await newState();
  const disk = badDisk(state.root);
  if ('skip' in disk) return t.skip(disk.skip);
  t.after(disk.end);
  writeFileSync(join(state.root, 'good'), 'good content');
  execFileSync('sync', ['-f', state.root]);
  writeFileSync(join(state.root, 'bad'), `unreadable content ${'.'.repeat(1_000_000)}`);
  disk.breakIt();
  const snapshotter = await state.open();
  const taken = await take(snapshotter);
  assert.deepEqual(taken?.unread, [{ path: 'bad', why: 'i/o error (EIO)' }]);
  const restored = await state.restore(taken.manifest);
  assert.equal(readFileSync(join(restored, 'good'), 'utf8'), 'good content');
  assert.equal(statSync(join(restored, 'bad'), { throwIfNoEntry: false }), undefined);
});

test('a folder that may not be read keeps all that the snapshot before has of it', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may read everything');
  const state = await newState();
  mkdirSync(join(state.root, 'a'));
  writeFileSync(join(state.root, 'a/b'), 'content');
  const snapshotter = await state.open();
  await state.take(snapshotter);
  chmodSync(join(state.root, 'a'), 0);
  writeFileSync(join(state.root, 'c'), 'more');
  const taken = await state.take(snapshotter);
  chmodSync(join(state.root, 'a'), 0o700);
  assert.deepEqual(taken?.unread, [{ path: 'a', why: 'it may not be read' }]);
});
