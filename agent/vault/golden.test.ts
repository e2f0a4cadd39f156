/**
 * Holds the formats to bytes that were written once (golden-vault.json; golden-vault-2.json has what format 1 cannot say): this
 * version reads them, and writes the same. When this fails, vaults that people have would not be read any more: raise the
 * format's version and keep reading the old ones.
 * What is packed by zstd may differ from version to version of zstd, so it is compared unpacked.
 */
import assert from 'node:assert/strict';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Clock, systemClock } from '@opencrane/kit/clock.ts';
import type { ObjectName } from '../bucket/bucket.ts';
import { readManifest } from './format/manifest.ts';
import type { TreeRow } from './format/manifest-body.ts';
import { HEADER_BYTES } from './format/sealed-object.ts';
import { listSnapshots } from './history/find-snapshot.ts';
import { restore } from './restore/restore.ts';
import type { DatabaseCapture } from './snapshot/database-source.ts';
import { Snapshotter } from './snapshot/snapshotter.ts';
import { silent } from './snapshot/testing.ts';
import { MemoryBucket, seededRandom, temporaryFolder, tenantKey } from './testing.ts';
import { createVault, openVault, type Vault } from './vault.ts';

const never = new AbortController().signal;
const folder = temporaryFolder();
after(() => folder.remove());

/** Starts on a fixed day; each look is a second later. */
class FixedClock implements Clock {
  #now = Date.UTC(2026, 10, 24);

  now(): number {
    this.#now += 1000;
    return this.#now;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  async sleep(): Promise<void> {}
}

/** Takes a file of pages of 512 bytes for a database; the second time only its last page changed. */
const capture: DatabaseCapture = {
  async capture(path, since) {
    const bytes = readFileSync(path);
    return {
      ...{ pageBytes: 512, pages: bytes.length / 512, whole: since === undefined, position: 'known' },
      async *changes() {
        const page = since === undefined ? 0 : bytes.length / 512 - 1;
        yield { page, bytes: bytes.subarray(page * 512) };
      },
      async release() {},
    };
  },
  async forget() {},
};

/** What the folder is at each snapshot. It does not shrink when it is packed, so packs are the same with every zstd. */
const noise = seededRandom('golden content');
const database = Buffer.concat([Buffer.from('SQLite format 3\0'), noise(2032)]);
const steps: { readonly [path: string]: Buffer }[] = [
  {
    'openclaw.json': noise(60),
    'agents/main/x.sqlite': database,
    empty: noise(0),
  },
  { 'openclaw.json': noise(61), 'agents/main/x.sqlite': Buffer.concat([database.subarray(0, 1536), noise(512)]) },
];

/** A vault that was written once, and what is in its folder beside the files of all. */
const goldens: { readonly format: 1 | 2; readonly file: URL; readonly furnish: (root: string) => void }[] = [
  { format: 1, file: new URL('golden-vault.json', import.meta.url), furnish: () => {} },
  {
    format: 2,
    file: new URL('golden-vault-2.json', import.meta.url),
    furnish(root) {
      writeFileSync(join(root, 'openclaw.json'), '');
      linkSync(join(root, 'openclaw.json'), join(root, 'other name'));
      writeFileSync(join(root, 'holes'), 'begin');
      truncateSync(join(root, 'holes'), 2 ** 40);
      utimesSync(join(root, 'holes'), 1000, 1000);
    },
  },
];

async function write(seed: string, furnish: (root: string) => void): Promise<MemoryBucket> {
  const bucket = new MemoryBucket();
  const vault = await createVault(bucket, tenantKey('golden'), seededRandom('golden'));
  const root = join(folder.path, seed, 'state');
  mkdirSync(join(root, 'agents/main'), { recursive: true });
  symlinkSync('agents/main', join(root, 'link'));
  furnish(root);
  const ports = {
    vault,
    root,
    seenLog: join(folder.path, seed, 'seen'),
    capture,
    clock: new FixedClock(),
    onStep: () => {},
    log: silent,
  };
  const snapshotter = await Snapshotter.open(ports, 7, never);
  for (const [count, files] of steps.entries()) {
    for (const [path, content] of Object.entries(files)) writeFileSync(join(root, path), content);
    const all = ['openclaw.json', 'agents/main/x.sqlite', 'empty', 'agents/main', 'agents', ''];
    for (const path of all) utimesSync(join(root, path), 1000, 1_700_000_000 + count + 0.5);
    await snapshotter.snapshot({ reason: 'request', openclawVersion: '2026.9.6' }, never);
  }
  return bucket;
}

async function plainManifest(vault: Vault, name: ObjectName) {
  const ref = (await listSnapshots(vault)).find((one) => one.name === name);
  assert.ok(ref);
  const manifest = await readManifest(vault, ref);
  const rows: TreeRow[] = [];
  for await (const some of manifest.rows()) rows.push(...some);
  // The time of a link cannot be set, so it is of today.
  const timeless = rows.map((row) => (row[0] === 'l' ? [row[0], row[1], row[4]] : row));
  const { watch, ...summary } = manifest.summary;
  // Those who wrote format 1 first did not watch for losses, and it may be said in either.
  return {
    summary: manifest.format === 1 ? summary : { ...summary, watch },
    packs: await manifest.packs(),
    rows: timeless,
  };
}

for (const { format, file, furnish } of goldens) {
  const written = await write(`${format}`, furnish);
  if (process.env['OPENCRANE_WRITE_GOLDEN'] === `${format}`) {
    const objects = [...written.objects].map(([name, { bytes }]) => [name, bytes.toString('base64')]);
    writeFileSync(file, `${JSON.stringify(Object.fromEntries(objects), null, 2)}\n`);
  }
  // Written by this test, names to base64.
  const stored = Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>);

  test(`format ${format}: what was written once is written so again, to the byte`, async () => {
    assert.deepEqual(written.names(''), stored.map(([name]) => name).sort());
    const reread = new MemoryBucket();
    for (const [name, base64] of stored) reread.put(name, Buffer.from(base64, 'base64'));
    const [now, then] = await Promise.all(
      [written, reread].map((one) => openVault(one, tenantKey('golden'), seededRandom('reader'))),
    );
    assert.ok(now && then);
    for (const [name, base64] of stored) {
      const [bytes, was] = [written.objects.get(name)?.bytes ?? Buffer.alloc(0), Buffer.from(base64, 'base64')];
      if (!name.startsWith('vault/manifests/')) assert.deepEqual(bytes, was, name);
      else {
        assert.deepEqual(bytes.subarray(0, HEADER_BYTES), was.subarray(0, HEADER_BYTES), name);
        assert.deepEqual(await plainManifest(now, name as ObjectName), await plainManifest(then, name as ObjectName)); // as listed
      }
    }
  });

  test(`format ${format}: what was written once is read`, async () => {
    const bucket = new MemoryBucket();
    for (const [name, base64] of stored) bucket.put(name, Buffer.from(base64, 'base64'));
    const vault = await openVault(bucket, tenantKey('golden'), seededRandom('reader'));
    assert.ok(vault);
    const snapshots = await listSnapshots(vault);
    assert.equal(snapshots.length, steps.length);
    const expected: Record<string, Buffer> = {};
    for (const [count, snapshot] of snapshots.entries()) {
      assert.equal((await readManifest(vault, snapshot)).format, format);
      Object.assign(expected, steps[count]);
      const target = join(folder.path, `${format}`, `restored-${count}`);
      const ports = { clock: new FixedClock(), onStep: () => {}, onProgress: () => {} };
      await restore(vault, { snapshot, target }, ports, never);
      for (const [path, content] of Object.entries(expected))
        assert.deepEqual(readFileSync(join(target, path)), content, path);
      if (format === 1) continue;
      assert.equal(statSync(join(target, 'other name')).ino, statSync(join(target, 'openclaw.json')).ino);
      assert.equal(statSync(join(target, 'holes')).size, 2 ** 40);
    }
  });
}
