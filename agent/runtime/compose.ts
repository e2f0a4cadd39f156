/** Constructs what changes the tenant's version; a part of the composition in agent/main.ts. */
import { randomUUID } from 'node:crypto';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { ObjectName } from '../bucket/bucket.ts';
import { isObjectName } from '../bucket/layout.ts';
import { faultPoint } from '../fault-point.ts';
import type { TenantFolders } from '../folders.ts';
import type { InstalledRuntimes } from './installed-runtimes.ts';
import { KeptStates, type StateArchive } from './kept-states.ts';
import type { OpenClawControl } from './ports.ts';
import { preflight } from './preflight.ts';
import { RuntimeApplier, type RuntimeApplierPorts } from './runtime-applier.ts';
import { UpgradeJournal } from './upgrade-journal.ts';
import { UpgradeRunner, type UpgradeTimeouts } from './upgrade-runner.ts';

/** What it takes from the rest of the agent. */
export type RuntimeSurroundings = {
  readonly timeouts: UpgradeTimeouts;
  readonly folders: TenantFolders;
  readonly installed: InstalledRuntimes;
  readonly openclaw: OpenClawControl;
  /** Does something to the state, in whose place nobody else may put or read anything meanwhile. */
  readonly exchange: (work: () => Promise<void>) => Promise<void>;
  /** Throws where an OpenClaw that is stopped would not come up again. */
  readonly requireRoom: () => void;
  /** Where the states go that are kept from before an upgrade. */
  readonly archive: StateArchive;
  readonly serving: RuntimeApplierPorts['serving'];
  /** The directory that the launcher starts OpenClaw from. */
  readonly started: () => Promise<string | undefined>;
  readonly commandsEnvironment: () => Promise<Record<string, string>>;
  readonly log: Logger;
};

/** The applier of versions, and what others ask it. */
export type Upgrading = {
  readonly runtime: RuntimeApplier;
  readonly journal: UpgradeJournal;
  readonly kept: KeptStates;
  /** Snapshots that kept states rest on; nothing may prune them. */
  readonly pinned: () => Promise<ReadonlySet<ObjectName>>;
  /** Directory of the runtime that checks configurations: what an upgrade is about to start, else what serves, else what runs. */
  readonly inCharge: () => Promise<string>;
};

/** Constructs it. */
export async function composeRuntime(around: RuntimeSurroundings): Promise<Upgrading> {
  const { timeouts, folders, installed, openclaw, exchange, archive, serving, started, commandsEnvironment, log } =
    around;
  const journal = await UpgradeJournal.open(folders.journal);
  const kept = new KeptStates({ folder: folders.kept, copy: folders.keptCopy, tmp: folders.tmp, archive });
  const onStep = (step: string) => faultPoint(step);
  const runner = new UpgradeRunner({
    openclaw,
    exchange,
    kept,
    journal,
    state: folders.state,
    timeouts,
    clock,
    onStep,
  });
  const runtime = new RuntimeApplier({
    installed,
    kept,
    journal,
    runner,
    preflight: async (directory, state, signal) =>
      preflight({ tmp: folders.tmp, environment: await commandsEnvironment() }, directory, state, signal),
    requireRoom: around.requireRoom,
    state: folders.state,
    serving,
    clock,
    newId: randomUUID,
    onStep,
    log,
  });
  return {
    runtime,
    journal,
    kept,
    pinned: async () => new Set((await kept.list()).map(({ stored }) => stored).filter(isObjectName)),
    async inCharge() {
      const upgrade = journal.entry?.upgrade;
      if (upgrade?.phase === 'forward') return upgrade.plan.to.directory;
      const serves = serving();
      return serves === undefined ? ((await started()) ?? '') : installed.directory(serves.bundleDigest);
    },
  };
}
