/** A tenant puts things where the agent keeps its records in the state: none is read or written through, none is in the way. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readInState, removeInState, writeInState } from './in-state.ts';
import { temporaryFolder } from './vault/testing.ts';

type Place = { readonly folder: string; readonly path: string; readonly outside: string };

const inTheWay: readonly {
  readonly reason: string;
  readonly put: (place: Place) => void;
}[] = [
  { reason: 'a file where the folder should be', put: ({ folder }) => writeFileSync(folder, 'mine') },
  { reason: 'a link to a folder elsewhere', put: ({ folder, outside }) => symlinkSync(outside, folder) },
  { reason: 'a link that leads nowhere', put: ({ folder }) => symlinkSync('/nowhere', folder) },
  {
    reason: 'a link to a file elsewhere',
    put: ({ folder, path, outside }) => {
      mkdirSync(folder);
      symlinkSync(join(outside, 'record.json'), path);
    },
  },
  {
    reason: 'a pipe that nobody writes into',
    put: ({ folder, path }) => {
      mkdirSync(folder);
      execFileSync('mkfifo', [path]);
    },
  },
  { reason: 'a folder with something in it', put: ({ path }) => mkdirSync(join(path, 'deep'), { recursive: true }) },
  {
    reason: 'four terabytes of nothing',
    put: ({ folder, path }) => {
      mkdirSync(folder);
      writeFileSync(path, '');
      truncateSync(path, 2 ** 42);
    },
  },
];

for (const { reason, put } of inTheWay) {
  test(`what is no record of the agent is none, and a record takes its place: ${reason}`, async () => {
    const { place, remove } = somewhere();
    put(place);
    assert.equal(await readInState(place.path), undefined);
    await writeInState(place.path, 'ours');
    assert.equal(await readInState(place.path), 'ours');
    assert.equal(
      readFileSync(join(place.outside, 'record.json'), 'utf8'),
      'elsewhere',
      'what a link led to is as it was',
    );
    assert.deepEqual(readdirSync(place.outside), ['record.json']);
    remove();
  });

  test(`removing a record removes what is in its place, and nothing elsewhere: ${reason}`, async () => {
    const { place, remove } = somewhere();
    put(place);
    await removeInState(place.path);
    assert.equal(await readInState(place.path), undefined);
    assert.equal(readFileSync(join(place.outside, 'record.json'), 'utf8'), 'elsewhere');
    remove();
  });
}

test('a folder that was closed to its owner is opened', async () => {
  const { place, remove } = somewhere();
  await writeInState(place.path, 'ours');
  chmodSync(place.folder, 0);
  await writeInState(place.path, 'newer');
  assert.equal(await readInState(place.path), 'newer');
  remove();
});

function somewhere() {
  const temporary = temporaryFolder();
  const at = (name: string) => join(temporary.path, name);
  mkdirSync(at('state'));
  mkdirSync(at('outside'));
  writeFileSync(at('outside/record.json'), 'elsewhere');
  const place: Place = {
    folder: at('state/.opencrane'),
    path: at('state/.opencrane/record.json'),
    outside: at('outside'),
  };
  return { place, remove: () => temporary.remove() };
}
