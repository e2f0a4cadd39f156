/**
 * Applies offers of an OpenClaw version.
 *
 *   download, unpack ──▶ (nothing serves yet: the boot goes on) ──▶ preflight ──▶ upgrade (upgrade.ts) ──▶ outcome
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import { parseDigest } from '@opencrane/kit/digest.ts';
import { inOneLine, isAbort, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { isLackOfTheMachine } from '@opencrane/kit/system-error.ts';
import type { Offer, RuntimePayload } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Applier, Outcome, ReportProgress } from '../appliers/applier.ts';
import type { InstalledRuntimes, WantedRuntime } from './installed-runtimes.ts';
import type { KeptState, KeptStates } from './kept-states.ts';
import type { AskPreflight, InstalledRuntime } from './ports.ts';
import { begin, hasEnded } from './upgrade.ts';
import type { JournalEntry, UpgradeJournal } from './upgrade-journal.ts';
import type { UpgradeRunner } from './upgrade-runner.ts';

/** What applying takes. */
export type RuntimeApplierPorts = {
  readonly installed: InstalledRuntimes;
  readonly kept: KeptStates;
  readonly journal: UpgradeJournal;
  readonly runner: UpgradeRunner;
  readonly preflight: AskPreflight;
  /** Throws where an OpenClaw that is stopped would not come up again. */
  readonly requireRoom: () => void;
  /** The folder of the tenant's state. */
  readonly state: string;
  /** The runtime that serves; undefined before the first boot. */
  readonly serving: () => WantedRuntime | undefined;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Awaited at `runtime:stage` and `runtime:preflight`. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly log: Logger;
};

/** An upgrade that has come to its end, with the offer it answers. */
export type EndedUpgrade = { readonly offer: Offer; readonly outcome: Outcome };

/** The applier of KIND_RUNTIME. */
export class RuntimeApplier implements Applier {
  readonly kind = Kind.RUNTIME;
  readonly #ports: RuntimeApplierPorts;

  constructor(ports: RuntimeApplierPorts) {
    this.#ports = ports;
  }

  async apply(offer: Offer, report: ReportProgress, signal: AbortSignal): Promise<Outcome> {
    if (offer.payload.case !== 'runtime') return failed('offer_malformed', 'the offer holds no runtime');
    const payload = offer.payload.value;
    try {
      return await this.#apply(offer, payload, report, signal);
    } catch (cause) {
      if (signal.aborted || isAbort(cause) || this.cutOff() || !(cause instanceof OpenCraneError)) throw cause;
      // A first runtime is tried again until there is room for it. Where one serves, each try would take the room that it needs.
      if (isLackOfTheMachine(cause) && this.#ports.serving() === undefined) throw cause;
      this.#ports.log.warn({ err: cause, version: payload.version }, 'a runtime was refused');
      return failed(cause.reason, inOneLine(cause), cause.field);
    }
  }

  /** Whether an upgrade stands in the journal: cut off, or ended and not yet recorded. `resume` comes first then. */
  cutOff(): boolean {
    return this.#ports.journal.entry !== undefined;
  }

  /** Brings what is in the journal to its end. */
  async resume(report: ReportProgress, signal: AbortSignal): Promise<EndedUpgrade | undefined> {
    const { journal, runner } = this.#ports;
    if (journal.entry === undefined) return undefined;
    const entry = await runner.resume(journal.entry, report, signal);
    return { offer: entry.offer, outcome: outcomeOf(entry) };
  }

  /** After the outcome is recorded: forgets the upgrade. */
  async forget(): Promise<void> {
    if (this.cutOff()) await this.#ports.journal.clear();
  }

  async #apply(
    offer: Offer,
    { version, bundleDigest, bundleBytes, restoreKeptState }: RuntimePayload,
    report: ReportProgress,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { installed, serving, runner, requireRoom, onStep, newId } = this.#ports;
    const wanted = { version, bundleDigest: parseDigest(bundleDigest), bundleBytes: Number(bundleBytes) };
    await onStep('runtime:stage');
    const to = await installed.ensure(wanted, report, signal);
    const old = serving();
    if (old === undefined) return { state: 'applied', effect: 'start', downtimeMillis: 0 };
    if (old.bundleDigest === to.bundleDigest) return { state: 'applied', effect: 'none', downtimeMillis: 0 };
    await onStep('runtime:preflight');
    report('preflight', `asking ${version} whether it can open the state`);
    const from = {
      version: old.version,
      bundleDigest: old.bundleDigest,
      directory: installed.directory(old.bundleDigest),
    };
    const restoreId = await this.#stateToRestore(from, to, restoreKeptState, signal);
    requireRoom();
    const upgrade = begin({ id: newId(), from, to, restoreId });
    return outcomeOf(await runner.run({ upgrade, offer, stoppedAtMillis: null, readyAtMillis: null }, report, signal));
  }

  /** The kept state that the new version needs, or null when it can open the present one. Throws when neither will do. */
  async #stateToRestore(
    from: InstalledRuntime,
    to: InstalledRuntime,
    mayRestore: boolean,
    signal: AbortSignal,
  ): Promise<string | null> {
    const { preflight, state } = this.#ports;
    const { verdict, message } = await preflight(to.directory, state, signal);
    if (verdict !== 'incompatible') return null;
    const fitting = await this.#fittingKeptStates(to, signal);
    const newest = fitting[0];
    if (newest !== undefined && mayRestore) return newest.id;
    const forbidden = `OpenClaw ${to.version} cannot open the state that ${from.version} wrote: ${message}`;
    if (newest === undefined) {
      throw new OpenCraneError(
        'failed_precondition',
        'downgrade_forbidden',
        `${forbidden}; no state that it could open was kept`,
        { mend: `stay at ${from.version}, or go to a newer version` },
      );
    }
    throw new OpenCraneError(
      'failed_precondition',
      'downgrade_needs_kept_state',
      `${forbidden}. Kept from before: ${fitting.map((each) => this.#describe(each)).join('; ')}`,
      { mend: 'to accept the loss, pin it again and allow that the kept state is brought back (--restore-kept-state)' },
    );
  }

  async #fittingKeptStates(to: InstalledRuntime, signal: AbortSignal): Promise<KeptState[]> {
    const { kept, preflight } = this.#ports;
    const fitting: KeptState[] = [];
    for (const each of await kept.list()) {
      const ask = (copy: string) => preflight(to.directory, copy, signal);
      const verdict = await kept.withDatabase(each, ask, signal).then((answer) => answer.verdict, unlessGone);
      if (verdict !== 'incompatible' && verdict !== 'gone') fitting.push(each);
    }
    return fitting;
  }

  #describe({ version, atMillis }: KeptState): string {
    const minutes = Math.ceil((this.#ports.clock.now() - atMillis) / 60_000);
    const when = new Date(atMillis).toISOString().slice(0, 16).replace('T', ' ');
    return `the state of ${version} from ${when} UTC (the last ${minutes} ${minutes === 1 ? 'minute' : 'minutes'} would be lost)`;
  }
}

/** Another agent of the tenant may have forgotten it, and its snapshot was pruned then. */
function unlessGone(cause: unknown): 'gone' {
  if (cause instanceof OpenCraneError && cause.reason === 'snapshot_not_found') return 'gone';
  throw cause;
}

function outcomeOf({ upgrade, stoppedAtMillis, readyAtMillis }: JournalEntry): Outcome {
  if (!hasEnded(upgrade)) throw new Error('an upgrade that has not ended has no outcome');
  if (upgrade.phase === 'failed') return failed(upgrade.failure.reason, upgrade.failure.message);
  const measured = stoppedAtMillis !== null && readyAtMillis !== null;
  return { state: 'applied', effect: 'switch', downtimeMillis: measured ? readyAtMillis - stoppedAtMillis : 0 };
}

function failed(reason: string, message: string, path = ''): Outcome {
  return { state: 'failed', reason, message, path };
}
