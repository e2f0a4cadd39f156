import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { prefixes } from '../../bucket/layout.ts';
import type { TenantKey } from '../keys/tenant-key.ts';
import { type MemoryBucket, seededRandom, tenantKey } from '../testing.ts';
import { History } from '../testing-history.ts';
import { openVault } from '../vault.ts';
import { type RotatePorts, rotateTenantKey } from './rotate.ts';

const [first, second, third] = [tenantKey('first'), tenantKey('second'), tenantKey('third')];
const random = seededRandom('rotate');

function portsOf(bucket: MemoryBucket, onStep: RotatePorts['onStep'] = () => {}): RotatePorts {
  return { bucket, random, assertHeld: () => {}, onStep };
}

async function opens(bucket: MemoryBucket, key: TenantKey): Promise<boolean> {
  return openVault(bucket, key, random).then(
    (vault) => vault !== undefined,
    (cause: unknown) => {
      assert.ok(cause instanceof OpenCraneError && cause.reason === 'wrong_key', String(cause));
      return false;
    },
  );
}

/** A tenant with two snapshots. */
async function tenant(): Promise<History> {
  const history = await History.inMemory(first);
  for (const content of ['a', 'b']) {
    history.write('file', content.repeat(5000));
    await history.snapshot();
  }
  return history;
}

test('after a rotation only the new key opens, and opens what was sealed before and what comes after', async () => {
  const history = await tenant();
  const { bucket } = history;
  const before = new Map(bucket.objects);
  const { vault, generation } = await rotateTenantKey(portsOf(bucket), first, second);
  assert.equal(generation, 2);
  assert.deepEqual([await opens(bucket, first), await opens(bucket, second)], [false, true]);
  for (const name of bucket.names('vault').filter((each) => !each.startsWith(prefixes.slot)))
    assert.deepEqual(bucket.objects.get(name), before.get(name), `${name} is as it was`);
  const after = history.opened(vault);
  after.write('file', 'c'.repeat(5000));
  await after.snapshot();
  const [, , pack = ''] = bucket.names(prefixes.pack);
  assert.equal(bucket.objects.get(pack)?.bytes.readUInt16BE(5), 2, 'sealed with the new data key');
  const { vault: again } = await rotateTenantKey(portsOf(bucket), second, third);
  for (const { ref } of history.taken) await history.opened(again).assertHolds(ref);
  history.end();
});

test('killed at any step, a key opens the vault, and the next call ends the rotation', async () => {
  const history = await tenant();
  const intact = history.bucket.copy();
  const steps: string[] = [];
  await rotateTenantKey(
    portsOf(intact.copy(), (step) => void steps.push(step)),
    first,
    second,
  );
  assert.deepEqual(steps, ['rotate:written', 'rotate:verified', 'rotate:done']);
  for (const kill of steps) {
    const bucket = intact.copy();
    const die = (step: string) => {
      if (step === kill) throw new Error('killed');
    };
    await assert.rejects(rotateTenantKey(portsOf(bucket, die), first, second), { message: 'killed' });
    const open = [await opens(bucket, first), await opens(bucket, second)];
    assert.deepEqual(open, [kill !== 'rotate:done', true], kill);
    const { vault, generation } = await rotateTenantKey(portsOf(bucket), first, second);
    assert.equal(generation, 2, 'one rotation, however often it was begun');
    assert.deepEqual([await opens(bucket, first), await opens(bucket, second)], [false, true]);
    for (const { ref } of history.taken) await history.opened(vault).assertHolds(ref);
  }
  history.end();
});

test('when any call to the bucket fails, a key opens the vault, and the next call ends the rotation', async () => {
  const history = await tenant();
  const intact = history.bucket.copy();
  const whole = intact.copy();
  await rotateTenantKey(portsOf(whole), first, second);
  for (let kill = 0; kill < whole.calls.length; kill += 1) {
    const bucket = intact.copy();
    let call = 0;
    bucket.onCall = () => {
      if (call++ === kill) throw new OpenCraneError('unavailable', 'bucket_away', '503');
    };
    await assert.rejects(rotateTenantKey(portsOf(bucket), first, second), { reason: 'bucket_away' });
    assert.ok((await opens(bucket, first)) || (await opens(bucket, second)));
    await rotateTenantKey(portsOf(bucket), first, second);
    assert.deepEqual([await opens(bucket, first), await opens(bucket, second)], [false, true]);
  }
  history.end();
});

const refusals: {
  reason: string;
  old: TenantKey;
  wanted: TenantKey;
  damage?: (bucket: MemoryBucket) => void;
  error: string;
}[] = [
  { reason: 'a wrong old key changes nothing', old: third, wanted: second, error: 'wrong_key' },
  { reason: 'the same key is no new one', old: first, wanted: first, error: 'same_key' },
  {
    reason: 'a slot of the old key that is damaged changes nothing',
    old: first,
    wanted: second,
    damage: (bucket) => change(bucket, bucket.names(prefixes.slot)[0], 200),
    error: 'object_damaged',
  },
  {
    reason: 'when the head does not open, the old slot stays',
    old: first,
    wanted: second,
    damage: (bucket) => change(bucket, 'vault/head', 45),
    error: 'object_damaged',
  },
  {
    reason: 'a bucket without a vault gets none',
    old: first,
    wanted: second,
    damage: (bucket) => bucket.objects.clear(),
    error: 'vault_missing',
  },
];

for (const { reason, old, wanted, damage, error } of refusals) {
  test(reason, async () => {
    const history = await tenant();
    const { bucket } = history;
    damage?.(bucket);
    const before = new Map(bucket.objects);
    await assert.rejects(rotateTenantKey(portsOf(bucket), old, wanted), { reason: error });
    for (const [name, object] of before) assert.equal(bucket.objects.get(name), object, `${name} is as it was`);
    history.end();
  });
}

test('a slot of the new key that is of another vault, or lacks a key, leaves the old one', async () => {
  const [history, other] = [await tenant(), await History.inMemory(second)];
  const [name = ''] = other.bucket.names(prefixes.slot);
  history.bucket.put(name, other.bucket.objects.get(name)?.bytes ?? Buffer.alloc(0));
  await assert.rejects(rotateTenantKey(portsOf(history.bucket), first, second), {
    reason: 'object_damaged',
    field: name,
  });
  assert.equal(await opens(history.bucket, first), true);
  history.end();
  other.end();
});

test('a rotation that was begun is ended before another one', async () => {
  const history = await tenant();
  const { bucket } = history;
  const die = (step: string) => {
    if (step === 'rotate:written') throw new Error('killed');
  };
  await assert.rejects(rotateTenantKey(portsOf(bucket, die), first, second), { message: 'killed' });
  const before = bucket.names('');
  await assert.rejects(rotateTenantKey(portsOf(bucket), first, third), { reason: 'rotation_unfinished' });
  assert.deepEqual(bucket.names(''), before);
  await rotateTenantKey(portsOf(bucket), first, second);
  await rotateTenantKey(portsOf(bucket), second, third);
  assert.deepEqual([await opens(bucket, second), await opens(bucket, third)], [false, true]);
  history.end();
});

test('without the lease nothing is written', async () => {
  const history = await tenant();
  const before = history.bucket.names('');
  const lost = () => {
    throw new OpenCraneError('aborted', 'lease_taken', 'another has it');
  };
  const ports = { ...portsOf(history.bucket), assertHeld: lost };
  await assert.rejects(rotateTenantKey(ports, first, second), { reason: 'lease_taken' });
  assert.deepEqual(history.bucket.names(''), before);
  history.end();
});

function change(bucket: MemoryBucket, name = '', at = 0): void {
  const bytes = Buffer.from(bucket.objects.get(name)?.bytes ?? []);
  const isHex = bytes.toString('latin1', at, at + 1).match(/[0-9a-f]/);
  bytes.writeUInt8(isHex ? (bytes[at] === 0x30 ? 0x31 : 0x30) : bytes.readUInt8(at) ^ 1, at);
  bucket.put(name, bytes);
}
