/** One tenant's agent as far as its bucket goes: the lease, and the snapshots of its state. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nothingSeen, StateArbiter } from '@opencrane/agent/arbiter/state-arbiter.ts';
import { objectAt } from '@opencrane/agent/bucket/layout.ts';
import { openBucket } from '@opencrane/agent/bucket/open-bucket.ts';
import { Fence } from '@opencrane/agent/fence/fence.ts';
import { epochOf, holderIdOf } from '@opencrane/agent/fence/lease-record.ts';
import { DEFAULT_TTL_MILLIS, termsOf } from '@opencrane/agent/fence/terms.ts';
import { Residence } from '@opencrane/agent/residence/residence.ts';
import { SqliteCapture } from '@opencrane/agent/vault/sqlite/sqlite-capture.ts';
import { parseBucketAddress } from '@opencrane/kit/bucket-address.ts';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';

/** A tenant that lives. */
export type Tenant = {
  /** Resolves when its state is in the bucket. */
  settled(): Promise<void>;
  /** How many snapshots there are. */
  readonly snapshots: number;
  end(): Promise<void>;
};

/** Begins. The bucket's address is that of a server of the GCS API. */
export async function startTenant(state: string, folder: string, address: string): Promise<Tenant> {
  mkdirSync(folder, { recursive: true });
  const keyFile = join(folder, 'key');
  writeFileSync(keyFile, '5a'.repeat(32), { mode: 0o600 });
  const log = createLogger({ program: 'bench', level: 'warn' });
  const random = Math.random;
  const bucket = openBucket(parseBucketAddress(address, 'bucket'), { clock, random, newId: randomUUID });
  const capture = await SqliteCapture.open({ clock, log, copies: join(folder, 'copies') });
  const fence = new Fence({
    bucket,
    name: objectAt({ kind: 'lease' }),
    claimant: { holder: holderIdOf(randomUUID()), instance: randomUUID(), host: 'bench' },
    terms: termsOf(DEFAULT_TTL_MILLIS),
    witness: undefined,
    epochOfHead: async () => epochOf(0),
    launcher: { hold: async () => {} },
    forgetHolder: async () => {},
    onLost(why) {
      throw why;
    },
    clock,
    random,
    log,
  });
  let snapshots = 0;
  const residence = new Residence({
    bucket,
    keyFile,
    fence,
    capture,
    folders: { state, lineage: join(folder, 'lineage.json'), seenLog: join(folder, 'seen.jsonl') },
    lockOpenClawOut: () => ({ release() {} }),
    openclawVersion: () => null,
    arbiter: new StateArbiter({ seen: nothingSeen, clock }),
    pruneTrouble: () => '',
    onChange() {},
    report: Object.assign(() => {}, { finish() {} }),
    onStep(step) {
      if (step === 'snapshot:head') snapshots += 1;
    },
    clock,
    random,
    randomBytes,
    log,
  });
  fence.start();
  residence.start();
  return {
    async settled() {
      await residence.snapshot('request', AbortSignal.timeout(600_000));
    },
    get snapshots() {
      return snapshots;
    },
    async end() {
      await residence.stop(AbortSignal.timeout(30_000));
      await fence.stop();
      await capture.close();
    },
  };
}
