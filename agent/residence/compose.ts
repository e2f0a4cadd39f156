/** Constructs the residence and what it stands on; a part of the composition in agent/main.ts. */
import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import type { Lifecycle } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import type { StateArbiter } from '../arbiter/state-arbiter.ts';
import type { Bucket, ObjectName } from '../bucket/bucket.ts';
import { objectAt } from '../bucket/layout.ts';
import { faultPoint } from '../fault-point.ts';
import { Fence } from '../fence/fence.ts';
import { forgetHolder, readHolder } from '../fence/holder.ts';
import { epochOf } from '../fence/lease-record.ts';
import type { Witness } from '../fence/questioner.ts';
import { termsOf } from '../fence/terms.ts';
import type { TenantFolders } from '../folders.ts';
import { bootClock } from '../launcher/boot-clock.ts';
import { isLauncherAway, type LauncherClient } from '../launcher/client.ts';
import type { AgentSettings } from '../settings.ts';
import type { Reporter } from '../supervise/progress.ts';
import { readHead } from '../vault/format/head.ts';
import { readTenantKey } from '../vault/keys/tenant-key.ts';
import { PruneLoop } from '../vault/schedule/prune-loop.ts';
import { SqliteCapture } from '../vault/sqlite/sqlite-capture.ts';
import { openVault } from '../vault/vault.ts';
import type { AgentRecords } from './agent-records.ts';
import { Residence } from './residence.ts';

const random = Math.random;

/** What the residence takes from the rest of the agent. */
export type ResidenceSurroundings = {
  readonly settings: AgentSettings;
  readonly bucket: Bucket;
  readonly folders: TenantFolders;
  readonly launcher: LauncherClient;
  readonly witness: Witness;
  readonly instance: string;
  readonly openclawVersion: () => string | null;
  readonly arbiter: StateArbiter;
  readonly records: AgentRecords;
  /** Snapshots that are kept at any age. */
  readonly pinned: () => Promise<ReadonlySet<ObjectName>>;
  readonly onChange: () => void;
  readonly report: Reporter;
  /** Called once, when another may run the tenant from now on. */
  readonly onLost: (why: unknown) => void;
  readonly log: Logger;
};

/** The fence and the residence behind it. Started in this order, stopped in the other. */
export type Residing = {
  readonly fence: Fence;
  readonly residence: Residence;
  start(lifecycle: Lifecycle): Promise<void>;
};

/** Constructs them. */
export async function composeResidence(around: ResidenceSurroundings): Promise<Residing> {
  const { settings, bucket, folders, launcher, log } = around;
  const capture = await SqliteCapture.open({ clock, log, copies: folders.databaseCopies });
  const lockOpenClawOut = () => takeProcessLock(folders.gatewayLock, 'OpenClaw');
  const fence = new Fence({
    bucket,
    name: objectAt({ kind: 'lease' }),
    claimant: { holder: await readHolder(folders.holder, randomUUID), instance: around.instance, host: hostname() },
    terms: termsOf(settings.leaseTtlMillis, settings.vouching),
    async epochOfHead(signal) {
      const vault = await openVault(bucket, await readTenantKey(settings.keyFile), randomBytes, signal);
      return epochOf((vault && (await readHead(vault, signal)))?.epoch ?? 0);
    },
    launcher: {
      async hold(hold) {
        try {
          await launcher.hold(hold);
        } catch (cause) {
          // One that is gone starts nothing, and one that comes starts nothing without a hold. OpenClaw must be gone, too.
          if (!isLauncherAway(cause) || hold.until > bootClock.monotonic()) throw cause;
          lockOpenClawOut().release();
        }
      },
    },
    witness: around.witness,
    forgetHolder: () => forgetHolder(folders.holder),
    onLost: around.onLost,
    clock: bootClock,
    random,
    log,
  });
  const residence = new Residence({
    tenant: settings.tenant,
    bucket,
    keyFile: settings.keyFile,
    fence,
    capture,
    folders,
    lockOpenClawOut,
    openclawVersion: around.openclawVersion,
    arbiter: around.arbiter,
    records: around.records,
    pruneTrouble: () => pruning.trouble,
    onChange: around.onChange,
    report: around.report,
    onStep: faultPoint,
    clock,
    random,
    randomBytes,
    log,
  });
  const pruning = new PruneLoop({
    async prune(signal) {
      const { pruner } = await residence.atHome();
      const request = { retention: settings.retention, pinned: await around.pinned(), dryRun: false };
      const assertHeld = () => fence.assertHeld();
      return pruner.prune(request, { assertHeld, clock, onStep: faultPoint, report: () => {} }, signal);
    },
    mayPrune: () => around.arbiter.may('prune'),
    onTrouble: around.onChange,
    clock,
    random,
    log,
  });
  return {
    fence,
    residence,
    async start(lifecycle) {
      await lifecycle.start({ name: 'database captures', stop: () => capture.close() });
      await lifecycle.start(fence);
      await lifecycle.start(residence);
      await lifecycle.start(pruning);
    },
  };
}
