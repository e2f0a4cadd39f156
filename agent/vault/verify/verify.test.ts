import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { prefixes } from '../../bucket/layout.ts';
import { sequenceOfPack } from '../format/object-ids.ts';
import { rotateTenantKey } from '../rotate/rotate.ts';
import { type MemoryBucket, seededRandom, tenantKey } from '../testing.ts';
import { History, never } from '../testing-history.ts';
import { openVault } from '../vault.ts';
import { type Verified, verify } from './verify.ts';

const random = seededRandom('content');
const quiet = () => {};

/** Seven snapshots in two chains; what each brings lies in a pack of its own. */
async function tenant(seed: string): Promise<History> {
  const history = await History.inMemory(tenantKey(seed));
  for (let at = 0; at < 40; at += 1) history.write(`many/${at}`, `${seed} ${at}`);
  history.write('stays', random(1_200_000)); // three frames
  history.write('goes', random(600_000)); // two frames, the first of which it shares
  history.sql('database', 'CREATE TABLE rows (value TEXT)');
  await history.snapshot(); // 1: full
  history.sql('database', `INSERT INTO rows VALUES ('${'x'.repeat(9000)}')`);
  await history.snapshot(); // 2
  history.write('second', random(3000));
  history.remove('goes');
  await history.snapshot(); // 3
  for (let more = 0; more < 4; more += 1) {
    history.write('second', random(3000));
    await history.snapshot(); // 4: a full one, 5, 6, 7
  }
  return history;
}

const [ours, theirs] = [await tenant('ours'), await tenant('theirs')];
after(() => {
  for (const history of [ours, theirs]) history.end();
});
const depths = ours.taken.map(({ ref }) => ref.depth);

/** The only pack of a snapshot. */
function pack(of: History, sequence: number): string {
  const names = of.bucket.names(prefixes.pack);
  const name = names.find((each) => sequenceOfPack(each.slice(prefixes.pack.length) as never) === sequence);
  assert.ok(name);
  return name;
}

function manifest(of: History, sequence: number): string {
  return of.taken[sequence - 1]?.ref.name ?? '';
}

function bytesOf(bucket: MemoryBucket, name: string): Buffer {
  const object = bucket.objects.get(name);
  assert.ok(object, name);
  return Buffer.from(object.bytes);
}

/** Flips a bit; a place below 0 counts from the end. */
function flip(name: string, at: number): Damage {
  return (bucket) => {
    const bytes = bytesOf(bucket, name);
    const place = at < 0 ? bytes.length + at : at;
    bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
    bucket.put(name, bytes);
  };
}

const cut =
  (name: string, bytes: number): Damage =>
  (bucket) =>
    void bucket.put(name, bytesOf(bucket, name).subarray(0, bytes));
const remove =
  (name: string): Damage =>
  (bucket) =>
    void bucket.objects.delete(name);
const replace =
  (name: string, by: string, of = ours): Damage =>
  (bucket) =>
    void bucket.put(name, bytesOf(of.bucket, by));

type Damage = (bucket: MemoryBucket) => void;
type Found = { name: string; reason: string; sequences: number[] };
type Row = { reason: string; damage: Damage; found: Found[]; whole: number | undefined };

const first = pack(ours, 1);
const all = [1, 2, 3, 4, 5, 6, 7];
const [firstChain, secondChain] = [all.slice(0, depths.indexOf(0, 1)), all.slice(depths.indexOf(0, 1))];
const from = (sequence: number, chain: readonly number[]) => chain.filter((each) => each >= sequence);

const rows: Row[] = [
  { reason: 'what nobody touched is whole', damage: quiet, found: [], whole: 7 },
  {
    reason: 'a frame that all need is flipped',
    damage: flip(first, -1),
    found: [{ name: first, reason: 'object_damaged', sequences: all }],
    whole: undefined,
  },
  {
    reason: 'a frame that only old snapshots need is flipped: those after are whole',
    damage: flip(first, 100),
    found: [{ name: first, reason: 'object_damaged', sequences: [1, 2] }],
    whole: 7,
  },
  {
    reason: 'the newest pack is flipped at its end: the snapshot before is whole',
    damage: flip(pack(ours, 7), -1),
    found: [{ name: pack(ours, 7), reason: 'object_damaged', sequences: [7] }],
    whole: 6,
  },
  {
    reason: 'a pack is cut: what lies before the cut is still good',
    damage: cut(pack(ours, 3), 500),
    found: [{ name: pack(ours, 3), reason: 'object_short', sequences: [3] }],
    whole: 7,
  },
  {
    reason: 'a pack is empty',
    damage: cut(pack(ours, 2), 0),
    found: [{ name: pack(ours, 2), reason: 'object_short', sequences: from(2, all) }],
    whole: 1,
  },
  {
    reason: 'a pack is missing',
    damage: remove(first),
    found: [{ name: first, reason: 'object_missing', sequences: all }],
    whole: undefined,
  },
  {
    reason: 'a pack is another tenant’s',
    damage: replace(pack(ours, 7), pack(theirs, 7), theirs),
    found: [{ name: pack(ours, 7), reason: 'object_of_another_vault', sequences: [7] }],
    whole: 6,
  },
  {
    reason: 'a pack is another pack of this vault',
    damage: replace(pack(ours, 7), pack(ours, 6)),
    found: [{ name: pack(ours, 7), reason: 'object_damaged', sequences: [7] }],
    whole: 6,
  },
  {
    reason: 'a full manifest is flipped: all that descend from it are lost, the next chain is whole',
    damage: flip(manifest(ours, 1), 60),
    found: [{ name: manifest(ours, 1), reason: 'object_damaged', sequences: firstChain }],
    whole: 7,
  },
  {
    reason: 'the tree in a manifest is flipped',
    damage: flip(manifest(ours, 6), -20),
    found: [{ name: manifest(ours, 6), reason: 'object_damaged', sequences: from(6, secondChain) }],
    whole: 5,
  },
  {
    reason: 'a delta is missing',
    damage: remove(manifest(ours, 6)),
    found: [{ name: manifest(ours, 6), reason: 'object_missing', sequences: [7] }],
    whole: 5,
  },
  {
    reason: 'a full manifest is missing',
    damage: remove(manifest(ours, 1)),
    found: [{ name: manifest(ours, 1), reason: 'object_missing', sequences: from(2, firstChain) }],
    whole: 7,
  },
  {
    reason: 'a manifest is cut',
    damage: cut(manifest(ours, 7), 50),
    found: [{ name: manifest(ours, 7), reason: 'object_short', sequences: [7] }],
    whole: 6,
  },
  {
    reason: 'a manifest is another tenant’s',
    damage: replace(manifest(ours, 7), manifest(theirs, 7), theirs),
    found: [{ name: manifest(ours, 7), reason: 'object_of_another_vault', sequences: [7] }],
    whole: 6,
  },
  {
    reason: 'a manifest is another one of this vault',
    damage: replace(manifest(ours, 7), manifest(ours, 6)),
    found: [{ name: manifest(ours, 7), reason: 'object_damaged', sequences: [7] }],
    whole: 6,
  },
  {
    reason: 'the head is flipped: every snapshot is read all the same',
    damage: flip('vault/head', -1),
    found: [{ name: 'vault/head', reason: 'object_damaged', sequences: [] }],
    whole: 7,
  },
  {
    reason: 'the head is missing',
    damage: remove('vault/head'),
    found: [{ name: 'vault/head', reason: 'object_missing', sequences: [] }],
    whole: 7,
  },
  {
    reason: 'the head is another tenant’s',
    damage: replace('vault/head', 'vault/head', theirs),
    found: [{ name: 'vault/head', reason: 'object_of_another_vault', sequences: [] }],
    whole: 7,
  },
  {
    reason: 'several things at once are all named',
    damage: (bucket) => {
      flip(pack(ours, 7), 100)(bucket);
      remove(manifest(ours, 2))(bucket);
      cut('vault/head', 10)(bucket);
    },
    found: [
      { name: 'vault/head', reason: 'object_short', sequences: [] },
      { name: manifest(ours, 2), reason: 'object_missing', sequences: from(3, firstChain) },
      { name: pack(ours, 7), reason: 'object_damaged', sequences: [7] },
    ],
    whole: 6,
  },
];

const summary = ({ damaged }: Verified): Found[] =>
  damaged.map(({ name, reason, sequences }) => ({ name, reason, sequences: [...sequences] }));

test('the snapshots lie in two chains', () =>
  assert.deepEqual([depths[0], depths.filter((depth) => depth === 0).length], [0, 2]));

for (const { reason, damage, found, whole } of rows) {
  test(reason, async () => {
    const bucket = ours.bucket.copy();
    damage(bucket);
    const before = new Map(bucket.objects);
    const verified = await verify({ ...ours.vault, bucket }, undefined, quiet, never);
    assert.deepEqual(summary(verified), found);
    assert.equal(verified.newestWhole?.sequence, whole);
    for (const { message, name } of verified.damaged) assert.match(message, new RegExp(name));
    assert.deepEqual(new Map(bucket.objects), before, 'nothing is written');
  });
}

test('an old head that was put back is told, and the newer snapshots are read', async () => {
  const history = await History.inMemory(tenantKey('replay'));
  const heads: Buffer[] = [];
  for (let at = 0; at < 4; at += 1) {
    history.write('file', `content ${at}`);
    await history.snapshot();
    heads.push(bytesOf(history.bucket, 'vault/head'));
  }
  history.bucket.put('vault/head', heads[0] ?? Buffer.alloc(0));
  const verified = await verify(history.vault, undefined, quiet, never);
  assert.deepEqual(summary(verified), [{ name: 'vault/head', reason: 'head_replayed', sequences: [] }]);
  assert.equal(verified.newestWhole?.sequence, 4);
  history.end();
});

test('of one snapshot only what it needs is read, and only what it needs counts', async () => {
  const bucket = ours.bucket.copy();
  flip(pack(ours, 4), 200)(bucket);
  flip(pack(ours, 7), 100)(bucket);
  const one = async (sequence: number) => {
    const verified = await verify({ ...ours.vault, bucket }, ours.taken[sequence - 1]?.ref, quiet, never);
    assert.equal(verified.snapshots, 1);
    return { found: summary(verified), whole: verified.newestWhole?.sequence };
  };
  assert.deepEqual(await one(6), { found: [], whole: 6 });
  assert.deepEqual(await one(7), {
    found: [{ name: pack(ours, 7), reason: 'object_damaged', sequences: [7] }],
    whole: undefined,
  });
  bucket.calls.length = 0;
  await one(6);
  assert.ok(!bucket.calls.includes(`read ${pack(ours, 5)}`), 'nothing of it is needed any more');
});

test('each frame is read once, however many snapshots need it, and every byte is counted', async () => {
  const bucket = ours.bucket.copy();
  const seen: [done: number, total: number][] = [];
  const report = (step: string, _: string, done = 0, total = 0) => {
    if (step === 'content') seen.push([done, total]);
  };
  const { bytes, snapshots } = await verify({ ...ours.vault, bucket }, undefined, report, never);
  assert.equal(snapshots, 7);
  const packs = bucket.names(prefixes.pack);
  const frames = packs.reduce((sum, name) => sum + bytesOf(bucket, name).length - 39, 0);
  const manifests = bucket.names(prefixes.manifest).reduce((sum, name) => sum + bytesOf(bucket, name).length, 0);
  assert.equal(bytes, frames + manifests);
  for (const name of packs) {
    const reads = bucket.calls.filter((call) => call === `read ${name}`).length;
    assert.ok(reads <= 2, `${name} was read ${reads} times`); // its five frames take two requests at most
  }
  assert.deepEqual(seen.at(-1), [frames, frames]);
});

test('a wrong key is no damage, a bucket that is away neither: both are told as what they are', async () => {
  const bucket = ours.bucket.copy();
  await assert.rejects(openVault(bucket, tenantKey('wrong'), random), { reason: 'wrong_key' });
  const before = await openVault(bucket, tenantKey('ours'), random);
  assert.ok(before);
  await rotateTenantKey({ bucket, random, assertHeld: quiet, onStep: quiet }, tenantKey('ours'), tenantKey('new'));
  const rotated = await openVault(bucket, tenantKey('new'), random);
  assert.ok(rotated);
  const verified = await verify(rotated, undefined, quiet, never);
  assert.deepEqual([verified.damaged, verified.newestWhole?.sequence], [[], 7]);
  bucket.onCall = (call) => {
    if (call.startsWith(`read ${prefixes.pack}`)) throw new OpenCraneError('unavailable', 'bucket_away', '503');
  };
  await assert.rejects(verify(before, undefined, quiet, never), { reason: 'bucket_away' });
});

test('an empty vault has nothing to verify', async () => {
  const history = await History.inMemory(tenantKey('empty'));
  assert.deepEqual(await verify(history.vault, undefined, quiet, never), {
    snapshots: 0,
    bytes: 0,
    damaged: [],
    newestWhole: undefined,
  });
  history.end();
});
