import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, unlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { History, never } from '../testing-history.ts';
import { compareSnapshots } from './compare.ts';

const history = await History.inMemory();
after(() => history.end());
const at = (path: string) => join(history.state, path);

history.write('same', 'same');
history.write('longer', 'a');
history.write('other', 'aaaa');
history.write('gone', 'gone, 13 bytes');
history.write('mode', 'mode');
history.write('time', 'time');
history.write('folder/below', 'below');
history.write('becomes-folder', 'a file');
symlinkSync('here', at('link'));
history.sql('database', 'CREATE TABLE rows (value TEXT)');
const from = await history.snapshot();
history.write('longer', 'aaa');
history.write('other', 'bbbb');
history.remove('gone');
chmodSync(at('mode'), 0o600);
utimesSync(at('time'), 1, 1);
history.remove('folder');
history.remove('becomes-folder');
mkdirSync(at('becomes-folder'));
history.write('becomes-folder/new', 'new');
unlinkSync(at('link'));
symlinkSync('there', at('link'));
history.sql('database', "INSERT INTO rows VALUES ('value')");
const to = await history.snapshot();

const expected = [
  ['becomes-folder', 'changed', 6, 0],
  ['becomes-folder/new', 'added', 0, 3],
  ['database', 'changed', 8192, 8192],
  ['folder', 'removed', 0, 0],
  ['folder/below', 'removed', 5, 0],
  ['gone', 'removed', 14, 0],
  ['link', 'changed', 0, 0],
  ['longer', 'changed', 1, 3],
  ['mode', 'changed', 4, 4],
  ['other', 'changed', 4, 4],
];

const inShort = async (...[a, b, most]: [typeof from, typeof from, number]) => {
  const { entries, more } = await compareSnapshots(history.vault, a, b, most, never);
  return { entries: entries.map(({ path, change, fromBytes, toBytes }) => [path, change, fromBytes, toBytes]), more };
};

test('what was added, removed and changed is told with sizes; a time alone is no change', async () => {
  assert.deepEqual(await inShort(from, to, 100), { entries: expected, more: false });
});

test('the other way round added is removed', async () => {
  const turned = { added: 'removed', removed: 'added', changed: 'changed' } as const;
  const { entries } = await inShort(to, from, 100);
  const wanted = expected.map(([path, change, a, b]) => [path, turned[change as keyof typeof turned], b, a]); // a row's second
  assert.deepEqual(entries, wanted);
});

test('a snapshot does not differ from itself', async () => {
  assert.deepEqual(await inShort(to, to, 100), { entries: [], more: false });
});

test('of much that differs so much is told as was asked for', async () => {
  assert.deepEqual(await inShort(from, to, 3), { entries: expected.slice(0, 3), more: true });
  assert.equal((await inShort(from, to, expected.length)).more, false);
});
