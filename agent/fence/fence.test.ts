import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { HoldTime } from '../launcher/hold.ts';
import { epochOf, formatLeaseRecord, holderIdOf } from './lease-record.ts';
import type { Fate } from './testing.ts';
import { heldWorld, name, settle, world } from './testing-world.ts';

test('a new tenant is taken at once, and the launcher is told until when OpenClaw may run', async () => {
  const { near, lease } = await heldWorld();
  assert.equal(await near.fence.whenHeld(AbortSignal.timeout(1_000)), 1);
  assert.deepEqual(lease(), {
    format: 1,
    epoch: 1,
    holder: 'disk of near',
    host: 'near',
    instance: 'process 1',
    renewal: 1,
    serial: 1,
    ttlMillis: 30_000,
    released: false,
  });
  assert.deepEqual(near.told, [{ until: 22_500, drainMillis: 5_000 }]);
  assert.deepEqual(near.fence.hold, { until: 22_500, drainMillis: 5_000 });
  assert.equal(near.fence.heldFor(17_499), true);
  assert.equal(near.fence.heldFor(17_500), false);
});

test('it is renewed every third of its time-to-live, with one request, and each extends the hold', async () => {
  const { near, bucket, pass, lease } = await heldWorld();
  const calls = bucket.calls.length;
  await pass(60_000);
  assert.deepEqual(bucket.calls.slice(calls), Array(6).fill('replace'));
  assert.equal(lease().renewal, 7);
  assert.deepEqual(
    near.told.map(({ until }) => until),
    [22_500, 32_500, 42_500, 52_500, 62_500, 72_500, 82_500],
  );
  assert.equal(near.fence.heldFor(7_000), true);
});

test('before the lease is held nothing may be written or started', async () => {
  const { agent, pass, near } = await heldWorld();
  const { fence } = agent('far');
  assert.throws(() => fence.assertHeld(), { code: 'unavailable', reason: 'lease_not_taken' });
  fence.start();
  await pass(3_000);
  for (const use of [() => fence.assertHeld(), () => fence.epoch, () => fence.hold]) {
    assert.throws(use, { code: 'failed_precondition', reason: 'lease_taken', message: /near \(epoch 1\)/ });
  }
  near.fence.assertHeld(1_000);
});

test('when the holder is gone another waits for its time-to-live and takes over under the next epoch', async () => {
  const { near, agent, pass, lease } = await heldWorld();
  const far = agent('far');
  far.fence.start();
  await pass(25_000); // its last renewal was at 20,000, and is seen at 21,000 at the latest
  await near.fence.stop();
  await pass(27_000);
  assert.equal(far.fence.standing.lease.state, 'taken');
  await pass(3_000);
  assert.equal(far.fence.epoch, 2);
  assert.equal(lease().host, 'far');
  assert.deepEqual(near.losses, [], 'it was told to stop, and lost nothing');
});

test('an agent that begins again on the same disk goes on at once, under its epoch', async () => {
  const { near, agent, lease } = await heldWorld();
  await near.fence.stop();
  const next = agent('near');
  next.fence.start();
  await settle();
  assert.equal(next.fence.epoch, 1);
  assert.equal(lease().instance, 'process 2');
  assert.deepEqual(next.told, [{ until: 22_500, drainMillis: 5_000 }]);
});

test('a lease that is handed over is taken at the next look, after the launcher has let go', async () => {
  const { near, agent, pass, lease } = await heldWorld();
  const far = agent('far');
  far.fence.start();
  await pass(5_000);
  const releasing = near.fence.release();
  assert.throws(() => near.fence.hold, 'nothing is started any more');
  await settle();
  await releasing;
  assert.deepEqual(near.told.at(-1), { until: 5_000, drainMillis: 0 });
  assert.equal(lease().released, true);
  assert.throws(() => near.fence.assertHeld(), { reason: 'lease_released' });
  await pass(3_000);
  assert.equal(far.fence.epoch, 2);
  assert.deepEqual(near.losses, []);
});

test('a release waits for what the launcher is being told, and renews meanwhile', async () => {
  const told: number[] = [];
  const answers: (() => void)[] = [];
  const hold = ({ until }: HoldTime) => {
    told.push(until);
    return new Promise<void>((resolve) => answers.push(resolve));
  };
  const { near, pass, lease } = await heldWorld({ launcher: { hold } });
  await settle();
  const releasing = near.fence.release();
  await pass(12_000);
  assert.deepEqual(told, [22_500], 'the renewal was not told: it would count as made later');
  assert.deepEqual([lease().renewal, lease().released], [2, false]);
  answers.shift()?.();
  await settle();
  answers.shift()?.();
  await settle();
  await releasing;
  assert.deepEqual(told, [22_500, 12_000]);
  assert.equal(lease().released, true);
});

test('without word from the launcher nothing is handed over: others wait', async () => {
  let there = true;
  const hold = async () => {
    if (!there) throw new OpenCraneError('unavailable', 'launcher_unreachable', 'calling the launcher');
  };
  const { near, lease } = await heldWorld({ launcher: { hold } });
  there = false;
  await assert.rejects(near.fence.release(), { reason: 'launcher_unreachable' });
  assert.equal(lease().released, false);
});

test('a launcher that is away is told again until it has heard, and of the newest only', async () => {
  const told: number[] = [];
  let there = false;
  const hold = async ({ until }: HoldTime) => {
    if (!there) throw new OpenCraneError('unavailable', 'launcher_unreachable', 'calling the launcher');
    told.push(until);
  };
  const { pass } = await heldWorld({ launcher: { hold } });
  await pass(10_200);
  there = true;
  await pass(500);
  assert.deepEqual(told, [32_500]);
});

/** What befalls the renewal at 10,000 and the calls after it; the lease must survive it. */
const survived: readonly { reason: string; fates: readonly Fate[] }[] = [
  { reason: 'a renewal that never arrives', fates: ['request lost'] },
  { reason: 'a renewal whose answer is lost', fates: ['answer lost'] },
  { reason: 'a lost answer, and a lost answer to reading it back', fates: ['answer lost', 'fine', 'answer lost'] },
  { reason: 'a doubled renewal, of which the second is a conflict', fates: ['doubled'] },
  { reason: 'a bucket that is away for a moment', fates: ['refused', 'refused', 'refused', 'refused'] },
];

for (const { reason, fates } of survived) {
  test(`survived: ${reason}`, async () => {
    const { near, bucket, pass } = await heldWorld();
    bucket.next(...fates);
    await pass(60_000);
    assert.deepEqual(near.losses, []);
    assert.equal(near.fence.epoch, 1);
    assert.equal(near.fence.standing.trouble, undefined);
  });
}

test('a renewal that arrives late, when it was given up, is known for ours and counts from its send', async () => {
  const { near, bucket, pass, lease } = await heldWorld();
  bucket.next('request late');
  await pass(13_000); // given up at 12,500
  bucket.arrive();
  await pass(1_000); // sent again at 13,250: a conflict, and read back
  assert.equal(near.fence.epoch, 1);
  assert.equal(near.told.at(-1)?.until, 32_500);
  assert.equal(lease().renewal, 2);
});

test('a bucket that stays away costs the lease in time, and OpenClaw ends by its hold', async () => {
  const { near, bucket, pass } = await heldWorld();
  await pass(5_000);
  bucket.usual = 'refused';
  await pass(12_000);
  near.fence.assertHeld();
  assert.equal(near.fence.standing.trouble?.reason, 'bucket_away');
  await pass(2_000);
  assert.throws(() => near.fence.assertHeld(), { reason: 'lease_expired' });
  assert.deepEqual(near.losses, ['lease_expired']);
  assert.deepEqual(near.told, [{ until: 22_500, drainMillis: 5_000 }], 'it has until then to end');
  await assert.rejects(near.fence.whenHeld(AbortSignal.timeout(1_000)), { reason: 'lease_expired' });
});

test('who slept past its time holds nothing on waking, before anything else has run', async () => {
  const { near, clock } = await heldWorld();
  clock.advance(3_600_000);
  assert.equal(near.fence.heldFor(0), false);
  await settle();
  assert.deepEqual(near.losses, ['lease_expired']);
});

test('another’s record in the middle of our time: OpenClaw is withdrawn at once', async () => {
  const { near, bucket, pass, lease } = await heldWorld();
  const taken = { ...lease(), epoch: epochOf(2), holder: holderIdOf('disk of far'), host: 'far' };
  bucket.put(name, new TextDecoder().decode(formatLeaseRecord(taken)));
  await pass(10_100);
  assert.deepEqual(near.losses, ['lease_taken']);
  assert.deepEqual(near.told.at(-1)?.drainMillis, 0);
  assert.deepEqual(near.forgotten, []);
  assert.equal(lease().host, 'far');
});

test('a lease that somebody removed is not written again by who held it', async () => {
  const { near, bucket, pass } = await heldWorld();
  bucket.remove(name);
  await pass(10_100);
  assert.deepEqual(near.losses, ['lease_removed']);
  assert.equal(bucket.text(name), undefined);
});

test('a copy of the disk: this one becomes another, or the two would go on throwing each other out', async () => {
  const { near, agent, pass } = await heldWorld();
  const copy = agent('near');
  copy.fence.start();
  await pass(10_100);
  assert.deepEqual([near.losses, near.forgotten], [['lease_copied'], ['near']]);
  assert.equal(copy.fence.epoch, 1);
});

test('a lease that cannot be read is not taken and not written over', async () => {
  const { bucket, agent, pass } = world();
  bucket.put(name, '{"half":');
  const { fence } = agent('near');
  fence.start();
  await pass(120_000);
  assert.equal(bucket.text(name), '{"half":');
  assert.equal(fence.standing.trouble?.reason, 'lease_damaged');
});

test('while HEAD’s epoch cannot be told nothing is taken; then its next one is', async () => {
  const { bucket, agent, pass } = world();
  let head: number | undefined;
  const epochOfHead = async () => {
    if (head === undefined) throw new OpenCraneError('data_loss', 'head_damaged', 'reading HEAD');
    return epochOf(head);
  };
  const { fence } = agent('near', { epochOfHead });
  fence.start();
  await pass(60_000);
  assert.equal(bucket.text(name), undefined);
  head = 7;
  await pass(30_000);
  assert.equal(bucket.text(name), undefined, 'somebody may hold what was removed');
  await pass(10_000);
  assert.equal(fence.epoch, 8);
});

test('waiting for the lease is given up on the signal', async () => {
  const { agent, pass } = await heldWorld();
  const { fence } = agent('far');
  fence.start();
  await pass(1_000);
  const stop = new AbortController();
  const waiting = assert.rejects(fence.whenHeld(stop.signal), { name: 'AbortError' });
  stop.abort();
  await waiting;
});

test('told to stop, it leaves the lease and the hold as they are, whatever it is doing', async () => {
  const { near, bucket, clock, lease } = await heldWorld();
  bucket.next('request lost');
  clock.advance(10_000);
  await settle();
  await near.fence.stop();
  assert.deepEqual([lease().renewal, lease().released], [1, false]);
  assert.deepEqual(near.told, [{ until: 22_500, drainMillis: 5_000 }]);
});
