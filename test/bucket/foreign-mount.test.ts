/** Snapshots of a state in which a GCS Fuse mount works, hangs, and is dead. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ChangeWatch } from '@opencrane/agent/vault/schedule/change-watch.ts';
import { never, TestState } from '@opencrane/agent/vault/snapshot/testing.ts';
import { startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { mountGcsfuse } from '../fixtures/gcs/gcsfuse-mount.ts';

test('a mounted bucket in the workspace is never touched, named, and keeps nothing else from being stored', async (t) => {
  const server = await startGcsServer();
  if ('skip' in server) return t.skip(server.skip);
  t.after(() => server.stop());
  const state = await TestState.make();
  t.after(() => state.end());
  const workspace = join(state.root, 'workspace');
  mkdirSync(join(workspace, 'bucket'), { recursive: true });
  writeFileSync(join(workspace, 'bucket/before'), 'what was there before');
  const snapshotter = await state.open();
  const take = () => snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
  const before = await take();
  assert.deepEqual(before?.unread, []);

  const mount = await mountGcsfuse(server.url, await server.bucket(), join(workspace, 'bucket'));
  if ('skip' in mount) return t.skip(mount.skip);
  const watch = new ChangeWatch(state.root, { onEvent() {}, onChange() {} });
  t.after(() => watch.close());
  const why = 'another file system (fuse.gcsfuse) is mounted there, and only local disks are stored';
  const ways = {
    works: async () => writeFileSync(join(workspace, 'bucket/in-the-bucket'), 'not on this disk'),
    'hangs, so that a call on it would never return': async () => process.kill(mount.pid, 'SIGSTOP'),
    'is dead': async () => mount.kill(),
  };
  try {
    for (const [way, make] of Object.entries(ways)) {
      await make();
      watch.look(undefined);
      writeFileSync(join(workspace, 'beside'), way);
      watch.look(new Set(['workspace']));
      const taken = await take();
      assert.deepEqual(taken?.unread, [{ path: 'workspace/bucket', why }], way);
      const part = await state.restore(taken.manifest);
      assert.deepEqual(readTree(part), { beside: way, before: 'what was there before' }, way);
    }
  } finally {
    await mount.unmount();
  }
  await take();
  assert.deepEqual(snapshotter.unread, [], 'without the mount all is well again');
});

function readTree(root: string): Record<string, string> {
  const read = (path: string) => readFileSync(join(root, 'workspace', path), 'utf8');
  return { beside: read('beside'), before: read('bucket/before') };
}
