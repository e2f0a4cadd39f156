/** Fences on a bucket in memory and a clock that stands still, for tests. They end with the test. */
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import type { ObjectName } from '../bucket/bucket.ts';
import type { HoldTime } from '../launcher/hold.ts';
import { Fence, type FencePorts } from './fence.ts';
import { epochOf, holderIdOf, parseLeaseRecord } from './lease-record.ts';
import { termsOf } from './terms.ts';
import { MemoryBucket } from './testing.ts';

/** The lease's object. */
export const name = 'vault/lease' as ObjectName; // as layout.ts makes it
const fences: Fence[] = [];

afterEach(async () => {
  for (const fence of fences.splice(0)) await fence.stop();
});

/** A bucket, a clock, and fences that live on them. */
export function world() {
  const clock = new ManualClock();
  const bucket = new MemoryBucket();
  let instances = 0;

  function agent(host: string, changes: Partial<FencePorts> = {}) {
    instances += 1;
    const told: HoldTime[] = [];
    const losses: string[] = [];
    const forgotten: string[] = [];
    const fence = new Fence({
      bucket,
      name,
      claimant: { holder: holderIdOf(`disk of ${host}`), instance: `process ${instances}`, host },
      terms: termsOf(30_000),
      epochOfHead: async () => epochOf(0),
      launcher: { hold: async (hold) => void told.push(hold) },
      witness: undefined,
      forgetHolder: async () => void forgotten.push(host),
      onLost: ({ reason }) => losses.push(reason),
      clock,
      random: () => 0.5,
      log: createLogger({ program: 'test', level: 'silent' }),
      ...changes,
    });
    fences.push(fence);
    return { fence, told, losses, forgotten };
  }

  /** Time passes, and what is due is done. */
  async function pass(millis: number): Promise<void> {
    for (let left = millis; left > 0; left -= 100) {
      clock.advance(Math.min(left, 100));
      await settle();
    }
  }

  const lease = () => parseLeaseRecord(new TextEncoder().encode(bucket.text(name) ?? ''), 'the test');
  return { clock, bucket, agent, pass, lease };
}

/** Lets everything happen that waits for no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}

/** A world in which `near` has held the lease since 0. */
export async function heldWorld(changes: Partial<FencePorts> = {}) {
  const all = world();
  const near = all.agent('near', changes);
  near.fence.start();
  await settle();
  assert.equal(near.fence.epoch, 1);
  return { ...all, near };
}
