import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, type TestContext, test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { prefixes } from '../../bucket/layout.ts';
import { manifestRef } from '../format/object-ids.ts';
import { assertSameTree, listTree, seededRandom } from '../testing.ts';
import { History, never } from '../testing-history.ts';
import { type ExportPorts, openExport } from './export.ts';

const history = await History.inMemory();
after(() => history.end());
const at = (path: string) => join(history.state, path);
const random = seededRandom('content');
const long = 'n'.repeat(120);

history.write('empty', '');
history.write('block', 'x'.repeat(512));
history.write('agents/main/sessions/a.jsonl', '{}\n'.repeat(1000));
history.write(`agents/main/${long}/${long}`, 'a long name');
history.write('agents/main/päth of ünicode ✓', 'unicode');
writeFileSync(Buffer.concat([Buffer.from(at('agents/main/')), Buffer.from('no-utf8-\xe9\xff', 'latin1')]), 'bytes');
writeFileSync(Buffer.concat([Buffer.from(at('agents/main/')), Buffer.from(`no-utf8-\xe9${long}`, 'latin1')]), 'bytes');
history.write('script', '#!/bin/sh\n');
chmodSync(at('script'), 0o755);
chmodSync(at('empty'), 0o400);
symlinkSync('script', at('link'));
symlinkSync(`../${long}/über`, at('long link'));
linkSync(at('script'), at('agents/main/script'));
linkSync(at('script'), at(`agents/${long}`));
linkSync(at('link'), at('another link'));
mkdirSync(at('closed'));
history.write('closed/inside', 'inside');
chmodSync(at('closed'), 0o500);
history.write('large', random(17 * 1024 * 1024));
history.write('old', 'before 1970');
utimesSync(at('old'), -1.5, -1.5);
history.write('fraction', 'parts of a second');
utimesSync(at('fraction'), 1_700_000_000.123, 1_700_000_000.123);
history.sql('database', 'PRAGMA journal_mode = WAL; CREATE TABLE rows (value TEXT)');
await history.snapshot();
history.sql('database', "INSERT INTO rows VALUES ('of the second snapshot')");
const newest = await history.snapshot();

const scratchFolder = history.path('scratch');
mkdirSync(scratchFolder);
let ids = 0;
const ports: ExportPorts = { scratchFolder, newId: () => String(ids++), onProgress: () => {} };
/** Folder in which archives are unpacked. */
let unpacked = 0;

async function archiveOf(path: string, changed: Partial<ExportPorts> = {}) {
  const { pieces, ...archive } = await openExport(
    history.vault,
    { snapshot: newest, path },
    { ...ports, ...changed },
    never,
  );
  const bytes: Buffer[] = [];
  for await (const piece of pieces) bytes.push(Buffer.from(piece));
  return { ...archive, content: Buffer.concat(bytes) };
}

/** Unpacks with the system's own tar. */
function unpack(content: Buffer): string {
  unpacked += 1;
  const folder = history.path(`unpacked-${unpacked}`);
  mkdirSync(folder);
  const { status, stderr } = spawnSync('tar', ['-x', '-f', '-', '-p', '-C', folder], {
    input: content,
    encoding: 'utf8',
  });
  assert.deepEqual([status, stderr], [0, '']);
  return folder;
}

test('the system’s tar unpacks what was stored: names, modes, times, links, contents', async () => {
  const progress: [number, number][] = [];
  const { content, bytes, files } = await archiveOf('', { onProgress: (...both) => progress.push(both) });
  const folder = unpack(content);
  const expected = new Map(listTree(history.state));
  for (const beside of ['database-wal', 'database-shm']) expected.delete(beside);
  assertSameTree(withoutTimes(listTree(folder), ['database', '']), withoutTimes(expected, ['database', '']));
  assert.equal(content.length, bytes, 'the length is known before');
  assert.equal(files, [...expected.values()].filter(({ what }) => what.startsWith('file')).length);
  assert.deepEqual(progress.at(-1), [bytes, bytes]);
  assert.deepEqual(readdirSync(scratchFolder), [], 'nothing is left of the scratch file');
  const database = new DatabaseSync(join(folder, 'database'), { readOnly: true });
  assert.equal(database.prepare('SELECT value FROM rows').get()?.['value'], 'of the second snapshot');
  database.close();
});

test('a file with holes is short in the archive, and is unpacked with its holes', async () => {
  const sparse = await History.inMemory();
  try {
    const long = 'n'.repeat(150);
    for (const [name, bytes, content] of [
      ['middle', 2 ** 40, 2 ** 39],
      ['empty', 2 ** 40, undefined],
      [long, 2 ** 33 + 5, 2 ** 33],
    ] as const) {
      sparse.write(`folder/${name}`, '');
      truncateSync(join(sparse.state, `folder/${name}`), bytes);
      if (content !== undefined) writeAt(join(sparse.state, `folder/${name}`), content, 'words');
    }
    sparse.write('folder/z', 'after them');
    const snapshotter = await sparse.open();
    const taken = await snapshotter.snapshot({ reason: 'request', openclawVersion: null }, never);
    const snapshot = manifestRef(taken?.manifest ?? assert.fail()) ?? assert.fail();
    const { pieces, bytes } = await openExport(sparse.vault, { snapshot, path: '' }, ports, never);
    const content = Buffer.concat(await Array.fromAsync(pieces));
    assert.deepEqual([content.length, content.length < 1024 * 1024], [bytes, true]);
    const folder = unpack(content);
    for (const name of ['middle', 'empty', long, 'z']) {
      const [is, was] = [folder, sparse.state].map((root) => statSync(join(root, 'folder', name), { bigint: true }));
      assert.deepEqual([is?.size, is?.mtimeNs], [was?.size, was?.mtimeNs], name);
      assert.ok(Number(is?.blocks) * 512 <= 1024 * 1024, name);
    }
    assert.equal(readAt(join(folder, 'folder/middle'), 2 ** 39, 5), 'words');
    assert.equal(readAt(join(folder, 'folder', long), 2 ** 33, 5), 'words');
    assert.equal(readFileSync(join(folder, 'folder/z'), 'utf8'), 'after them');
  } finally {
    sparse.end();
  }
});

test('of a part the folder becomes the root', async () => {
  const { content } = await archiveOf('agents/main');
  assertSameTree(listTree(unpack(content)), listTree(at('agents/main')));
});

test('a single file lies in the archive under its own name', async () => {
  const { content, files } = await archiveOf('agents/main/sessions/a.jsonl');
  assert.equal(files, 1);
  assert.equal(readFileSync(join(unpack(content), 'a.jsonl'), 'utf8'), '{}\n'.repeat(1000));
});

test('a path that is not there is refused before anything is sent', async () => {
  await assert.rejects(archiveOf('agents/other'), { reason: 'path_not_found' });
});

test('a frame is fetched once for all the small files that share it', async () => {
  history.bucket.calls.length = 0;
  await archiveOf('agents');
  const reads = history.bucket.calls.filter((call) => call.startsWith(`read ${prefixes.pack}`));
  assert.ok(reads.length <= 2, `${reads.length} requests`); // one for the header where it is far from the frame
});

test('damage in the middle is named, with the newest good snapshot', async () => {
  const second = history.bucket.names(prefixes.pack).at(-1) ?? '';
  const intact = history.bucket.objects.get(second);
  assert.ok(intact);
  history.bucket.objects.delete(second);
  await assert.rejects(archiveOf(''), (cause) => {
    assert.ok(cause instanceof OpenCraneError);
    assert.deepEqual([cause.reason, cause.field], ['object_missing', second]);
    assert.match(cause.mend, /restore vault\/manifests\/0+1-/);
    return true;
  });
  history.bucket.objects.set(second, intact);
});

test('whoever gives up in the middle ends it', async () => {
  const stop = new AbortController();
  const { pieces } = await openExport(history.vault, { snapshot: newest, path: '' }, ports, stop.signal);
  const taking = async () => {
    for await (const piece of pieces) if (piece.length > 0) stop.abort(new DOMException('enough', 'AbortError'));
  };
  await assert.rejects(taking, { name: 'AbortError' });
});

test('a disk that is too small for a large file says so', (t) =>
  withSmallDisk(t, async (small) => {
    await assert.rejects(archiveOf('large', { scratchFolder: small }), { reason: 'disk_full', field: small });
    assert.equal((await archiveOf('agents', { scratchFolder: small })).files, 7, 'what is small takes no disk');
  }));

async function withSmallDisk(t: TestContext, work: (path: string) => Promise<void>): Promise<void> {
  const path = history.path('small');
  mkdirSync(path);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path]);
  if (mounted.status !== 0) return t.skip('mounting a file system takes root');
  try {
    await work(path);
  } finally {
    spawnSync('umount', [path]);
  }
}

/** The time of a database is not kept, and unpacking into a folder changes its own. */
function withoutTimes(tree: ReturnType<typeof listTree>, paths: readonly string[]): ReturnType<typeof listTree> {
  return new Map(
    [...tree].map(([path, listed]) => [path, paths.includes(path) ? { ...listed, modifiedNs: 0n } : listed]),
  );
}

function writeAt(path: string, position: number, text: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, text, position);
  closeSync(file);
}

function readAt(path: string, position: number, bytes: number): string {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(bytes);
  readSync(file, buffer, 0, bytes, position);
  closeSync(file);
  return buffer.toString('utf8');
}
