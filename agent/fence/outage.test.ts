/** The fence and a coordinator that vouches and grants, while the bucket is away and while it is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { epochOf, formatLeaseRecord, holderIdOf } from './lease-record.ts';
import type { Witness } from './questioner.ts';
import { termsOf } from './terms.ts';
import { heldWorld, name, settle } from './testing-world.ts';

/** A coordinator at the function boundary: it does what a test says, and remembers what it was asked. */
class TestWitness implements Witness {
  readonly asked: string[] = [];
  answer: boolean | 'silence' | 'away' = true;

  vouch: Witness['vouch'] = ({ epoch, serial }, { id }, signal) =>
    this.#answer(`vouch ${epoch}.${serial} ${id}`, signal);
  grant: Witness['grant'] = ({ epoch, serial }, { id }, signal) =>
    this.#answer(`grant ${epoch}.${serial} ${id}`, signal);

  async #answer(asked: string, signal: AbortSignal): Promise<boolean> {
    this.asked.push(asked);
    if (this.answer === 'away') throw new OpenCraneError('unavailable', 'coordinator_away', 'it does not answer');
    if (this.answer !== 'silence') return this.answer;
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new DOMException('given up', 'AbortError')), { once: true });
    });
  }
}

/** Ten minutes and more on the coordinator's word. */
const vouching = { id: 'w', outageMillis: 900_000 };

async function vouchedWorld() {
  const witness = new TestWitness();
  const all = await heldWorld({ witness, terms: termsOf(30_000, vouching) });
  return { ...all, witness };
}

test('vouched for, the tenant serves on through ten minutes without its bucket, writes nothing, and is renewed as it was', async () => {
  const { near, bucket, pass, lease, witness, clock } = await vouchedWorld();
  assert.deepEqual(lease().witness, { id: 'w', outageMillis: 900_000, vouchMillis: 24_000 });
  await pass(30_000);
  assert.deepEqual([lease().serial, near.fence.outage], [1, undefined], 'the lease is at rest');
  bucket.usual = 'refused';
  let leastLeft = Number.POSITIVE_INFINITY;
  for (let passed = 0; passed < 600_000; passed += 1_000) {
    await pass(1_000);
    const { until, drainMillis } = near.told.at(-1) ?? assert.fail('the launcher was told nothing');
    leastLeft = Math.min(leastLeft, until - drainMillis - clock.monotonic());
  }
  assert.ok(leastLeft > 5_000, `OpenClaw would have begun to end in ${leastLeft} ms`);
  assert.deepEqual([...new Set(witness.asked)], ['vouch 1.1 w']);
  assert.throws(() => near.fence.assertHeld(), { reason: 'lease_expiring' }, 'HEAD is not written');
  assert.ok(near.fence.hold.until > clock.monotonic(), 'OpenClaw may be started again');
  const { outage } = near.fence;
  assert.deepEqual(outage, { lastedMillis: 450_000, leftMillis: 40_000 }, 'since the renewal that was due after 3 min');

  bucket.usual = 'fine';
  await pass(2_000);
  near.fence.assertHeld();
  assert.deepEqual([near.fence.epoch, near.fence.outage, near.losses], [1, undefined, []]);
  assert.deepEqual([lease().serial, lease().instance], [2, 'process 1']);
});

test('while the coordinator vouches the lease is written every few minutes, and every 10 s when it does not', async () => {
  const { near, pass, lease, witness } = await vouchedWorld();
  const writesIn = async (millis: number) => {
    const before = lease().serial;
    await pass(millis);
    return lease().serial - before;
  };
  assert.equal(await writesIn(600_000), 3, 'a fifth of an outage’s time is 3 min');
  near.fence.assertHeld();
  witness.answer = 'away';
  const away = await writesIn(120_000);
  assert.ok(away >= 11 && away <= 13, `${away} writes`);
  assert.deepEqual([near.fence.outage, near.losses], [undefined, []]);
  witness.answer = true;
  await pass(10_000);
  assert.ok((await writesIn(120_000)) <= 1, 'it rests again');
});

test('a lease at rest is renewed as soon as somebody finds that the bucket does not answer', async () => {
  const { near, bucket, pass, lease, clock } = await vouchedWorld();
  await pass(60_000);
  bucket.usual = 'refused';
  near.fence.doubtBucket();
  await pass(7_700);
  assert.deepEqual([near.fence.outage?.lastedMillis, clock.monotonic()], [7_600, 67_700]);
  bucket.usual = 'fine';
  await pass(2_000);
  assert.deepEqual([near.fence.outage, lease().serial], [undefined, 2]);
});

test('a holder at rest that was given up in spite of it renews at once, and is vouched for again', async () => {
  const { near, pass, lease, witness } = await vouchedWorld();
  await pass(60_000);
  witness.answer = false;
  await pass(8_000);
  assert.equal(lease().serial, 2, 'a refusal ends the rest within seconds');
  witness.answer = true;
  await pass(30_000);
  assert.deepEqual([near.losses, lease().serial, witness.asked.at(-1)], [[], 2, 'vouch 1.2 w']);
});

test('an outage without end ends OpenClaw all the same, before who cannot ask takes over', async () => {
  const { near, bucket, pass } = await vouchedWorld();
  bucket.usual = 'refused';
  await pass(669_800);
  assert.deepEqual(near.losses, []);
  await pass(1_000);
  assert.deepEqual(near.losses, ['lease_expired']);
  assert.deepEqual(near.told.at(-1), { until: 675_000, drainMillis: 5_000 });
});

const unvouched: readonly { reason: string; answer: TestWitness['answer'] }[] = [
  { reason: 'the coordinator says no: another was granted the tenant', answer: false },
  { reason: 'it is away, too', answer: 'away' },
  { reason: 'it stands still', answer: 'silence' },
];

for (const { reason, answer } of unvouched) {
  test(`without a vouch an outage ends OpenClaw in time: ${reason}`, async () => {
    const { near, bucket, pass, witness } = await vouchedWorld();
    bucket.usual = 'refused';
    witness.answer = answer;
    await pass(17_400);
    assert.deepEqual(near.losses, []);
    await pass(1_000);
    assert.deepEqual(near.losses, ['lease_expired']);
    assert.deepEqual(near.told, [{ until: 22_500, drainMillis: 5_000 }]);
    assert.ok(witness.asked.length > 1, 'it was asked again');
  });
}

test('a coordinator that is away for five seconds in the middle of an outage costs nothing', async () => {
  const { near, bucket, pass, witness } = await vouchedWorld();
  bucket.usual = 'refused';
  await pass(60_000);
  witness.answer = 'silence';
  await pass(5_000);
  witness.answer = true;
  await pass(60_000);
  assert.deepEqual(near.losses, []);
});

test('a dead machine’s tenant is granted and taken over within 40 s, and at once by nobody', async () => {
  const { near, agent, pass, witness } = await vouchedWorld();
  const far = agent('far', { witness, terms: termsOf(30_000, vouching) });
  far.fence.start();
  await pass(12_000);
  await near.fence.stop();
  await pass(20_000);
  const grants = witness.asked.filter((asked) => asked.startsWith('grant'));
  assert.deepEqual(grants, ['grant 1.1 w'], 'once, when it was seen unchanged for 15 s');
  assert.equal(far.fence.standing.lease.state, 'taken');
  await pass(20_000);
  assert.equal(far.fence.epoch, 2);
});

test('while the holder is vouched for a watcher is not granted it, and asks on; without a coordinator it waits out an outage', async () => {
  const { near, agent, pass, witness } = await vouchedWorld();
  const far = agent('far', { witness, terms: termsOf(30_000, vouching) });
  far.fence.start();
  await pass(5_000);
  await near.fence.stop();
  witness.answer = false;
  await pass(60_000);
  assert.equal(far.fence.standing.trouble?.reason, 'grant_refused');
  assert.ok(witness.asked.filter((asked) => asked.startsWith('grant')).length > 10);
  witness.answer = 'away';
  await pass(900_000);
  assert.equal(far.fence.standing.lease.state, 'taken');
  await pass(60_000);
  assert.equal(far.fence.epoch, 2);
});

test('who has no coordinator waits out an outage, and says of its own lease that nobody vouches', async () => {
  const { near, agent, pass, lease } = await vouchedWorld();
  const far = agent('far', { terms: termsOf(30_000, vouching) });
  far.fence.start();
  await pass(5_000);
  await near.fence.stop();
  await pass(980_000);
  assert.equal(far.fence.standing.lease.state, 'taken');
  await pass(20_000);
  assert.equal(far.fence.epoch, 2);
  assert.equal(lease().witness, undefined);
});

test('somebody took over in spite of everything: it is withdrawn at once when the bucket is back', async () => {
  const { near, bucket, pass, lease } = await vouchedWorld();
  const taken = { ...lease(), epoch: epochOf(2), holder: holderIdOf('disk of far'), host: 'far' };
  bucket.usual = 'refused';
  await pass(200_000);
  bucket.put(name, new TextDecoder().decode(formatLeaseRecord(taken)));
  bucket.usual = 'fine';
  await pass(2_000);
  assert.deepEqual(near.losses, ['lease_taken']);
  assert.deepEqual(near.told.at(-1)?.drainMillis, 0);
});

test('handing over in the middle of an outage is given up with the last vouch', async () => {
  const { near, bucket, pass, witness } = await vouchedWorld();
  bucket.usual = 'refused';
  await pass(30_000);
  const releasing = assert.rejects(near.fence.release(), { reason: 'lease_expired' });
  await settle();
  const asked = witness.asked.length;
  await pass(15_000);
  await releasing;
  assert.equal(witness.asked.length, asked, 'nobody is asked for it any more');
});
