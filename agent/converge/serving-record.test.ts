import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { digestOf } from '@opencrane/kit/digest.ts';
import { ServingRecordFile } from './serving-record.ts';

const root = await mkdtemp(join(tmpdir(), 'opencrane-serving-'));
after(() => rm(root, { recursive: true, force: true }));

let disks = 0;
async function newDisk() {
  disks += 1;
  const disk = join(root, `disk-${disks}`);
  await mkdir(join(disk, 'agent'), { recursive: true });
  const paths = { serving: join(disk, 'agent', 'serving.json'), servingCopy: join(disk, 'state', 'serving.json') };
  return paths;
}

const runtime = {
  revision: 3n,
  digest: digestOf('offer'),
  version: '2026.9.6',
  bundleDigest: digestOf('bundle'),
  bundleBytes: 7,
  pin: { by: '', at: '', reason: '' },
};

test('an empty disk with a restored state takes over what that state was served by', async () => {
  const old = await newDisk();
  const record = await ServingRecordFile.open(old);
  await record.update({ runtime, config: { revision: 1n, digest: digestOf('config') }, drained: true });
  const fresh = await newDisk();
  await mkdir(join(fresh.servingCopy, '..'));
  await writeFile(fresh.servingCopy, await readFile(old.servingCopy));
  const back = await ServingRecordFile.open(fresh);
  assert.equal(back.current.runtime, undefined);
  await back.takeOver(digestOf('config'));
  assert.deepEqual(
    back.current,
    record.current,
    'with the revision of its configuration, and stopped when it was so on purpose',
  );
  assert.deepEqual((await ServingRecordFile.open(fresh)).current, back.current, 'and it is on disk');
});

test('a configuration that did not come with the state is to be offered again', async () => {
  const paths = await newDisk();
  const record = await ServingRecordFile.open(paths);
  await record.update({ runtime, config: { revision: 1n, digest: digestOf('config') } });
  await record.forget();
  assert.equal(record.current.runtime, undefined);
  await record.takeOver(digestOf('another'));
  assert.deepEqual(record.current, { refused: {}, unproven: {}, drained: false, runtime });
});

test('a copy that cannot be read is none: it is a file of the tenant', async () => {
  const paths = await newDisk();
  await mkdir(join(paths.servingCopy, '..'));
  await writeFile(paths.servingCopy, '{');
  const record = await ServingRecordFile.open(paths);
  await record.takeOver(undefined);
  assert.equal(record.current.runtime, undefined);
});

test('a disk that knows what it serves is believed over the copy, which is made current', async () => {
  const paths = await newDisk();
  const record = await ServingRecordFile.open(paths);
  await record.update({ runtime });
  await writeFile(paths.servingCopy, (await readFile(paths.servingCopy, 'utf8')).replace('2026.9.6', '2026.9.5'));
  await record.takeOver(undefined);
  await record.copyIntoState();
  assert.equal(await readFile(paths.servingCopy, 'utf8'), await readFile(paths.serving, 'utf8'));
});

test('a copy that says the same is not written again: each writing would be a snapshot', async () => {
  const paths = await newDisk();
  const record = await ServingRecordFile.open(paths);
  await record.update({ runtime });
  const { ino } = await stat(paths.servingCopy);
  await record.copyIntoState();
  assert.equal((await stat(paths.servingCopy)).ino, ino);
});

test('the bundle that served before is remembered as the way back', async () => {
  const record = await ServingRecordFile.open(await newDisk());
  await record.update({ runtime });
  assert.equal(record.current.previousBundle, undefined);
  await record.update({ runtime: { ...runtime, revision: 4n } });
  assert.equal(record.current.previousBundle, undefined, 'a new revision of the same bundle is no change');
  await record.update({ runtime: { ...runtime, bundleDigest: digestOf('newer') } });
  assert.equal(record.current.previousBundle, runtime.bundleDigest);
});

test('a new tenant has no copy before it serves anything', async () => {
  const paths = await newDisk();
  const record = await ServingRecordFile.open(paths);
  await record.copyIntoState();
  await record.update({ drained: false });
  await assert.rejects(readFile(paths.servingCopy), { code: 'ENOENT' });
});

test('a record that cannot be read is an error, never an empty one', async () => {
  const paths = await newDisk();
  await writeFile(paths.serving, '{');
  await assert.rejects(ServingRecordFile.open(paths), { reason: 'serving_record_damaged', field: paths.serving });
});
