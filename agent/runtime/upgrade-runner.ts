/** Carries out the steps of upgrade.ts. Each is written to the journal before it is done, and may be done again. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ReportProgress } from '../appliers/applier.ts';
import { isLauncherAway } from '../launcher/client.ts';
import type { KeptStates } from './kept-states.ts';
import type { InstalledRuntime, OpenClawControl } from './ports.ts';
import { type Failure, hasEnded, onDone, onFailed, onResumed, onRetried, type UnderWay } from './upgrade.ts';
import type { JournalEntry, UpgradeJournal } from './upgrade-journal.ts';

/** Bounds of an upgrade, in milliseconds. */
export type UpgradeTimeouts = {
  /** For the new OpenClaw to become ready. */
  readonly readyMillis: number;
  /** For it to stay so before it is believed. */
  readonly soakMillis: number;
  /** For running turns to end. */
  readonly drainMillis: number;
};

/** What carrying out takes. */
export type UpgradePorts = {
  readonly openclaw: OpenClawControl;
  /** Does something to the state while nobody takes a snapshot of it. */
  readonly exchange: (work: () => Promise<void>) => Promise<void>;
  readonly kept: KeptStates;
  readonly journal: UpgradeJournal;
  /** The folder of the tenant's state. */
  readonly state: string;
  readonly timeouts: UpgradeTimeouts;
  readonly clock: Clock;
  /** Awaited before and after each step, as `upgrade:STEP`, `upgrade:back-STEP` and the same with `:done`. */
  readonly onStep: (step: string) => Promise<void> | void;
};

/** Between two looks at the process while it soaks. */
const LOOK_MILLIS = 500;

const words: Readonly<Record<UnderWay['step'], string>> = {
  stop: 'stopping OpenClaw, when its running turns have ended',
  keep: 'keeping a copy of the state',
  restore: 'bringing the kept state back',
  start: 'starting OpenClaw',
  gate: 'waiting for OpenClaw to be ready',
  soak: 'watching that it stays ready',
};

/** Runs upgrades. */
export class UpgradeRunner {
  readonly #ports: UpgradePorts;
  /** The upgrade that this agent itself has begun or gone on with. */
  #own: string | undefined;

  constructor(ports: UpgradePorts) {
    this.#ports = ports;
  }

  /** Goes on with what a former agent left in the journal, or this one while the launcher was away. */
  async resume(entry: JournalEntry, report: ReportProgress, signal: AbortSignal): Promise<JournalEntry> {
    const goOn = entry.upgrade.plan.id === this.#own ? onRetried : onResumed;
    return this.run({ ...entry, upgrade: goOn(entry.upgrade) }, report, signal);
  }

  /**
   * Runs to an end, good or bad, which stands in the journal then. Throws only when the agent stops, or when a way back
   * is barred (a full disk, say): the journal keeps where it stood, and `resume` goes on.
   */
  async run(begun: JournalEntry, report: ReportProgress, signal: AbortSignal): Promise<JournalEntry> {
    let entry = begun;
    this.#own = begun.upgrade.plan.id;
    for (;;) {
      await this.#ports.journal.write(entry);
      const { upgrade } = entry;
      if (hasEnded(upgrade)) break;
      entry = await this.#step(entry, upgrade, report, signal);
    }
    await this.#ports.kept.prune();
    return entry;
  }

  async #step(
    entry: JournalEntry,
    upgrade: UnderWay,
    report: ReportProgress,
    signal: AbortSignal,
  ): Promise<JournalEntry> {
    const { onStep } = this.#ports;
    const name = `upgrade:${upgrade.phase === 'back' ? 'back-' : ''}${upgrade.step}`;
    report(name.slice('upgrade:'.length), `${words[upgrade.step]} (${versionOf(upgrade)})`);
    await onStep(name);
    try {
      signal.throwIfAborted();
      const observed = await this.#do(entry, upgrade, signal);
      await onStep(`${name}:done`);
      return { ...entry, ...observed, upgrade: onDone(upgrade) };
    } catch (cause) {
      signal.throwIfAborted(); // the agent stops: the next one goes on from the journal
      if (isLauncherAway(cause)) throw cause; // it comes back; then `resume` goes on
      const next = onFailed(upgrade, failureOf(cause));
      if (next === upgrade) throw cause;
      return { ...entry, upgrade: next };
    }
  }

  #do(entry: JournalEntry, upgrade: UnderWay, signal: AbortSignal): Promise<Partial<JournalEntry>> {
    const { plan } = upgrade;
    const runtime = upgrade.phase === 'forward' ? plan.to : plan.from;
    switch (upgrade.step) {
      case 'stop':
        return this.#stop(entry, upgrade);
      case 'keep':
        return this.#keep(plan.id, plan.from.version, signal);
      case 'restore':
        return this.#restore(upgrade.phase === 'forward' ? (plan.restoreId ?? plan.id) : plan.id, signal);
      case 'start':
        return this.#start(runtime);
      case 'gate':
        return this.#gate(runtime, signal);
      case 'soak':
        return this.#soak(runtime, signal);
    }
  }

  async #stop(entry: JournalEntry, upgrade: UnderWay): Promise<Partial<JournalEntry>> {
    const { openclaw, timeouts, clock } = this.#ports;
    const running = await openclaw.running();
    const stoppedAtMillis = entry.stoppedAtMillis ?? (running === undefined ? null : clock.now());
    // Also when none runs: one that crashed may be waiting to be started again, which must not happen now.
    await openclaw.stop(`changing the version to ${versionOf(upgrade)}`, timeouts.drainMillis);
    return { stoppedAtMillis };
  }

  async #keep(id: string, version: string, signal: AbortSignal): Promise<Partial<JournalEntry>> {
    const { kept, clock } = this.#ports;
    await kept.keep({ id, version, atMillis: clock.now() }, signal);
    return {};
  }

  async #restore(id: string, signal: AbortSignal): Promise<Partial<JournalEntry>> {
    const { exchange, kept, state } = this.#ports;
    await exchange(() => kept.restore(id, state, signal));
    return {};
  }

  async #start({ directory, version }: InstalledRuntime): Promise<Partial<JournalEntry>> {
    const { openclaw, timeouts } = this.#ports;
    const running = await openclaw.running();
    if (running?.directory === directory) return {}; // started before a crash of ours
    if (running !== undefined) await openclaw.stop('another version runs', timeouts.drainMillis);
    await openclaw.start(directory, version);
    return {};
  }

  async #gate({ version }: InstalledRuntime, signal: AbortSignal): Promise<Partial<JournalEntry>> {
    await this.#ready(version, signal);
    return { readyAtMillis: this.#ports.clock.now() };
  }

  async #soak({ version }: InstalledRuntime, signal: AbortSignal): Promise<Partial<JournalEntry>> {
    const { openclaw, clock, timeouts } = this.#ports;
    const pid = (await openclaw.running())?.pid;
    const until = clock.monotonic() + timeouts.soakMillis;
    while (clock.monotonic() < until) {
      await clock.sleep(Math.min(LOOK_MILLIS, timeouts.soakMillis), signal);
      if (pid !== undefined && (await openclaw.running())?.pid === pid) continue;
      throw new OpenCraneError(
        'failed_precondition',
        'gateway_exited',
        `OpenClaw ${version} was ready and ended within the ${timeouts.soakMillis / 1000} s it was watched for`,
      );
    }
    await this.#ready(version, signal);
    return {};
  }

  async #ready(version: string, signal: AbortSignal): Promise<void> {
    const { openclaw, clock, timeouts } = this.#ports;
    const over = new AbortController();
    const waiting = new AbortController();
    const timer = clock.sleep(timeouts.readyMillis, waiting.signal).then(
      () => over.abort(),
      () => {}, // it was ready before
    );
    try {
      await openclaw.waitReady(version, AbortSignal.any([signal, over.signal]));
    } catch (cause) {
      if (!over.signal.aborted || signal.aborted) throw cause;
      throw new OpenCraneError(
        'deadline_exceeded',
        'gateway_not_ready',
        `OpenClaw ${version} was not ready within ${timeouts.readyMillis / 1000} s`,
        { cause },
      );
    } finally {
      waiting.abort();
      await timer;
    }
  }
}

function versionOf({ phase, plan }: UnderWay): string {
  return phase === 'forward' ? plan.to.version : plan.from.version;
}

function failureOf(cause: unknown): Failure {
  const reason = cause instanceof OpenCraneError ? cause.reason : 'upgrade_failed';
  return { reason, message: messageOf(cause) };
}
