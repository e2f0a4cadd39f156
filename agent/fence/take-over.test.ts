/** Two machines in one: a fence with a real launcher each, on a real folder, by the machine's own clock. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { DirectoryBucket } from '../bucket/directory-bucket.ts';
import { objectAt } from '../bucket/layout.ts';
import { bootClock } from '../launcher/boot-clock.ts';
import { isAlive, LauncherHome } from '../launcher/testing.ts';
import { Fence } from './fence.ts';
import type { LeaseBucket } from './lease-object.ts';
import { epochOf, holderIdOf } from './lease-record.ts';
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

/** A way to the bucket that may be cut. */
function road(): { readonly bucket: LeaseBucket; cut: () => void } {
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
  };
}

async function makeHome(): Promise<LauncherHome> {
  const home = await LauncherHome.make();
  homes.push(home);
  return home;
}

function fenceOf(host: string, bucket: LeaseBucket, home: LauncherHome): Fence {
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
  });
  fences.push(fence);
  fence.start();
  return fence;
}

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
