/** Two machines in one: a fence with a real launcher each, on a real folder, by the machine's own clock. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { DirectoryBucket } from '../bucket/directory-bucket.ts';
import { objectAt, parseObjectName } from '../bucket/layout.ts';
import { bootClock } from '../launcher/boot-clock.ts';
import { isAlive, LauncherHome } from '../launcher/testing.ts';
import { Fence, type FencePorts } from './fence.ts';
import type { LeaseBucket } from './lease-object.ts';
import { epochOf, type Holding, holderIdOf } from './lease-record.ts';
import type { Witness } from './questioner.ts';
import { termsOf } from './terms.ts';

const TTL_MILLIS = 4_000;
const folder = mkdtempSync(join(tmpdir(), 'oc-lease-'));
const homes: LauncherHome[] = [];
const fences: Fence[] = [];

after(async () => {
  for (const fence of fences) await fence.stop();
  for (const home of homes) home.remove();
  rmSync(folder, { recursive: true });
});

/** A way to the bucket that may be cut, and mended. */
function road(): { readonly bucket: LeaseBucket; cut: () => void; mend: () => void } {
  const bucket = new DirectoryBucket(folder, { clock: bootClock, random: Math.random });
  let isCut = false;
  const pass = <T>(call: () => Promise<T>) =>
    isCut ? Promise.reject(new OpenCraneError('unavailable', 'cut', 'the way is cut')) : call();
  return {
    bucket: {
      address: bucket.address,
      create: (...call) => pass(() => bucket.create(...call)),
      replace: (...call) => pass(() => bucket.replace(...call)),
      read: (...call) => pass(() => bucket.read(...call)),
    },
    cut() {
      isCut = true;
    },
    mend() {
      isCut = false;
    },
  };
}

async function makeHome(): Promise<LauncherHome> {
  const home = await LauncherHome.make();
  homes.push(home);
  return home;
}

function fenceOf(host: string, bucket: LeaseBucket, home: LauncherHome, more: Partial<FencePorts> = {}): Fence {
  const fence = new Fence({
    bucket,
    name: objectAt({ kind: 'lease' }),
    claimant: { holder: holderIdOf(`disk of ${host}`), instance: `process of ${host}`, host },
    terms: termsOf(TTL_MILLIS),
    epochOfHead: async () => epochOf(0),
    launcher: home.client,
    witness: undefined,
    forgetHolder: async () => {},
    onLost: () => {},
    clock: bootClock,
    random: Math.random,
    log: createLogger({ program: 'test', level: 'silent' }),
    ...more,
  });
  fences.push(fence);
  fence.start();
  return fence;
}

/** The coordinator's rules (coordinator/fence/coordinator-witness.ts), without its memory of whom it vouched for. */
function coordinator(): Witness & { vouched: number } {
  let givenUp: Holding | undefined;
  return {
    vouched: 0,
    async vouch(holding) {
      if (givenUp !== undefined && holding.epoch <= givenUp.epoch && holding.serial <= givenUp.serial) return false;
      this.vouched += 1;
      return true;
    },
    async grant(holding) {
      givenUp = holding;
      return true;
    },
  };
}

describe('two machines', { concurrency: true }, () => {
  test('cut off from the bucket, one OpenClaw is dead before another may start; handed over, the lease is taken at once', async (context) => {
    const [near, far] = await Promise.all([makeHome(), makeHome()]);
    const [nearRoad, farRoad] = [road(), road()];
    const nearFence = fenceOf('near', nearRoad.bucket, near);
    const limit = AbortSignal.timeout(60_000);
    assert.equal(await nearFence.whenHeld(limit), 1);
    const nearPids = await near.start('stubborn', nearFence.hold);
    const farFence = fenceOf('far', farRoad.bucket, far);

    const cutAt = performance.now();
    nearRoad.cut();
    assert.equal(await farFence.whenHeld(limit), 2);
    context.diagnostic(`taken over ${Math.round(performance.now() - cutAt)} ms after the cut (ttl ${TTL_MILLIS} ms)`);
    assert.deepEqual(nearPids.filter(isAlive), [], 'with everything it had started');
    assert.equal(nearFence.heldFor(0), false);

    const farPids = await far.start('gentle', farFence.hold);
    const backFence = fenceOf('back', road().bucket, near);
    await far.client.stop('a test', 1_000);
    await farFence.release();
    assert.equal(await backFence.whenHeld(limit), 3);
    assert.deepEqual(farPids.filter(isAlive), []);
    assert.throws(() => nearFence.hold, { reason: 'lease_expired' }, 'who lost it starts nothing');
  });

  test('cut off from the bucket but vouched for, the same OpenClaw serves on for many times the ttl; granted to another, it is dead before that one starts', async (context) => {
    const [near, far] = await Promise.all([makeHome(), makeHome()]);
    const nearRoad = road();
    const witness = coordinator();
    const name = parseObjectName('vault/lease-vouched');
    const losses: string[] = [];
    const onLost = ({ reason }: OpenCraneError) => losses.push(reason);
    const terms = termsOf(TTL_MILLIS, { id: 'a witness', outageMillis: 60_000 });
    const nearFence = fenceOf('near', nearRoad.bucket, near, { name, witness, terms, onLost });
    const limit = AbortSignal.timeout(120_000);
    assert.equal(await nearFence.whenHeld(limit), 1);
    const pids = await near.start('stubborn', nearFence.hold);

    nearRoad.cut();
    nearFence.doubtBucket(); // at rest it asks nothing of the bucket for minutes: a snapshot that fails tells it
    const cutAt = performance.now();
    while (performance.now() - cutAt < 2 * TTL_MILLIS) {
      assert.deepEqual(pids.filter(isAlive), pids);
      await bootClock.sleep(100);
    }
    assert.ok(witness.vouched > 10, `vouched for ${witness.vouched} times`);
    assert.equal(nearFence.heldFor(0), false);
    nearRoad.mend();
    await awaitFact('the lease is held again', () => nearFence.heldFor(0), { everyMillis: 20 });
    assert.deepEqual([nearFence.epoch, losses, pids.filter(isAlive)], [1, [], pids]);

    nearRoad.cut();
    const againAt = performance.now();
    const farFence = fenceOf('far', road().bucket, far, { name, witness, terms });
    assert.equal(await farFence.whenHeld(limit), 2);
    context.diagnostic(
      `granted and taken over ${Math.round(performance.now() - againAt)} ms after the cut (ttl ${TTL_MILLIS} ms)`,
    );
    assert.deepEqual(pids.filter(isAlive), []);
    assert.deepEqual(losses, ['lease_expired']);
  });
});
