import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { findSnapshot } from '../history/find-snapshot.ts';
import { never, TestState } from '../snapshot/testing.ts';
import { notStored } from './not-stored.ts';

const state = await TestState.make();
after(() => state.end());
const told = async (seen?: readonly { path: string; why: string }[]) => {
  const all = await notStored(state.vault, await findSnapshot(state.vault, { by: 'newest' }), seen, never);
  return all.map(({ kind, path, why }) => ({ kind, path, why }));
};

test('without an agent it is told what the newest snapshot noted; with one, what it saw last', async () => {
  mkdirSync(join(state.root, 'data'));
  writeFileSync(join(state.root, 'a'), 'content');
  const database = new DatabaseSync(join(state.root, 'data/x.sqlite'));
  database.exec('CREATE TABLE t(x)');
  database.close();
  state.capture.capture = async () => {
    throw new Error('its page 3 is damaged');
  };
  await state.take(await state.open());
  const unread = (all: Awaited<ReturnType<typeof told>>) => all.filter(({ kind }) => kind !== 'left_out');
  const noted = { kind: 'unread', path: 'data/x.sqlite', why: 'its page 3 is damaged' };
  assert.deepEqual(unread(await told()), [noted]);
  assert.deepEqual(unread(await told([])), [], 'the agent has read it meanwhile');
  const outside = { path: '/srv/second', why: 'agent second works there' };
  assert.deepEqual(unread(await told([outside])), [{ kind: 'outside', ...outside }]);
});

test('each rule is told, and a path of 5 KB is not told whole', async () => {
  const all = await told([{ path: 'd'.repeat(5_000), why: 'i/o error (EIO)' }]);
  assert.equal(all[0]?.path.length, 1_024);
  assert.ok(all.some(({ kind, path }) => kind === 'left_out' && path === '**/.git/**/*.lock'));
  assert.ok(all.some(({ path }) => path === '{cache,tmp,node-compile-cache}/'));
});
