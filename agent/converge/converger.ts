/**
 * Brings the tenant to what is offered, one step at a time: look at the situation, decide (decide.ts), do it, look again.
 * Offers and commands only change the situation and wake the loop; nothing is queued.
 */

import { backoffCeiling } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { isAbort, messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { lastWordsOf } from '@opencrane/kit/last-words.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { timeOfDay } from '@opencrane/kit/program-end.ts';
import type { Offer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Applier, Outcome, ReportProgress } from '../appliers/applier.ts';
import type { Reporter } from '../supervise/progress.ts';
import { type AppliedKind, decide, type Situation, type Step } from './decide.ts';
import { type Exchanged, Exchanges } from './exchanges.ts';
import { appliedKindOf, appliedKinds, offeredOf } from './offered.ts';
import { Outcomes } from './outcomes.ts';
import type { ReceiptWriter } from './receipts.ts';
import type { ServingRecordFile } from './serving-record.ts';
import { describe, restartFailed } from './step-words.ts';
import { Waiters } from './waiters.ts';

/** What the loop needs from the rest of the agent. */
export type ConvergerPorts = {
  readonly record: ServingRecordFile;
  readonly appliers: { readonly [K in AppliedKind]: Applier };
  /** Finishes or undoes an upgrade that a crash cut off; undefined when none was. */
  readonly upgrade: {
    readonly cutOff: () => boolean;
    readonly resume: (
      report: ReportProgress,
      signal: AbortSignal,
    ) => Promise<{ readonly offer: Offer; readonly outcome: Outcome } | undefined>;
    /** Called once the outcome of an upgrade is recorded; until then a crash makes `cutOff` true. */
    readonly forget: () => Promise<void>;
  };
  readonly openclaw: {
    /** As the launcher tells. */
    readonly state: () => Situation['openclaw'];
    /** Whether the launcher has ever started it. */
    readonly everStarted: () => boolean;
    /** Starts what serves and resolves when it is ready. */
    readonly start: (report: ReportProgress, signal: AbortSignal) => Promise<void>;
    /** Drains and stops. */
    readonly stop: (why: string) => Promise<void>;
    /** Throws where one that is stopped would not come up again. */
    readonly requireRoom: () => void;
    /** Drains and stops what runs, does something, starts it again, and resolves when it is ready. */
    readonly restart: (why: string, whileStopped: () => Promise<void>, signal: AbortSignal) => Promise<Exchanged>;
  };
  readonly receipts: ReceiptWriter;
  readonly report: (operation: string) => Reporter;
  /** Told what became of each offer. */
  readonly settled: (offer: Offer, outcome: Outcome) => void;
  /** Told what the loop does or waits for. */
  readonly doing: (what: string) => void;
  /** Told why steps fail again and again, and when the next try is; empty once one succeeds or nothing is to be done. */
  readonly trouble: (why: string) => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
};

/** Waits after a step that failed for reasons outside the offers, such as a launcher that does not answer. */
const RETRY = { firstMillis: 1_000, maxMillis: 60_000 };

/** The loop. Runs from `start` to `stop`. */
export class Converger implements Part {
  readonly name = 'converger';
  readonly #ports: ConvergerPorts;
  readonly #abort = new AbortController();
  readonly #offers = new Map<AppliedKind, Offer>();
  /** The offers of which the coordinator knows that they are being applied. */
  readonly #announced = new Map<AppliedKind, Offer>();
  readonly #restarts = new Waiters();
  readonly #drains = new Waiters();
  readonly #exchanges = new Exchanges();
  /** Resolved by `wake`, and replaced each time the loop looks at the situation. */
  #woken = Promise.withResolvers<void>();
  readonly #outcomes: Outcomes;
  #failuresInRow = 0;
  #running: Promise<void> | undefined;

  constructor(ports: ConvergerPorts) {
    this.#ports = ports;
    const { record, receipts, settled, upgrade } = ports;
    this.#outcomes = new Outcomes({ record, receipts, settled, forgetUpgrade: () => upgrade.forget() });
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort('the agent stops');
    this.wake();
    await this.#running;
    const why = new OpenCraneError('unavailable', 'agent_stopping', 'the agent stops', {
      mend: 'try again in a moment',
    });
    this.#restarts.fail(why);
    this.#drains.fail(why);
    this.#exchanges.fail();
  }

  /** Looks at the situation anew; called whenever something in it may have changed. */
  wake(): void {
    this.#woken.resolve();
  }

  /** Takes an offer; a newer one of the same kind takes its place. */
  offer(offer: Offer): void {
    const kind = appliedKindOf(offer.kind);
    if (kind === undefined) {
      this.#ports.receipts.unimplemented(offer);
      return;
    }
    this.#offers.set(kind, offer);
    this.wake();
  }

  /** Restarts OpenClaw, drained; resolves when it is ready again. */
  restart(): Promise<void> {
    return this.#command(this.#restarts, { drained: false });
  }

  /** Drains and stops OpenClaw; resolves when it is gone. */
  drain(): Promise<void> {
    return this.#command(this.#drains, { drained: true });
  }

  /** Does something to the state while OpenClaw is stopped; resolves when it is ready again, rejects with what that threw. */
  exchange(work: () => Promise<void>, signal: AbortSignal): Promise<Exchanged> {
    const done = this.#exchanges.order(work, signal);
    this.wake();
    return done;
  }

  async #command(waiters: Waiters, change: { readonly drained: boolean }): Promise<void> {
    await this.#ports.record.update(change);
    const done = waiters.wait();
    this.wake();
    return done;
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      this.#woken = Promise.withResolvers();
      const step = decide(this.#situation());
      this.#ports.doing(describe(step));
      const failure = step.do === 'wait' ? undefined : await this.#perform(step);
      if (failure !== undefined) {
        await this.#pause(describe(step), failure);
        continue;
      }
      this.#failuresInRow = 0;
      this.#ports.trouble('');
      if (step.do === 'wait') await this.#woken.promise;
    }
  }

  #situation(): Situation {
    const { record, upgrade, openclaw } = this.#ports;
    const { runtime, config, refused, unproven, drained } = record.current;
    const offered = Object.fromEntries([...this.#offers].map(([kind, offer]) => [kind, offeredOf(offer)]));
    if (openclaw.state() === 'stopped' || openclaw.state() === 'failed') this.#drains.settle();
    return {
      upgradeCutOff: upgrade.cutOff(),
      serving: { ...(runtime && { runtime }), ...(config && { config }) },
      offered,
      refused: {
        ...(refused.runtime && { runtime: refused.runtime }),
        ...(refused.config && { config: refused.config }),
      },
      unproven: appliedKinds.some((kind) => unproven[kind] !== undefined),
      openclaw: openclaw.state(),
      everStarted: openclaw.everStarted(),
      wantedRunning: !drained,
      restartRequested: this.#restarts.any,
      exchangeRequested: this.#exchanges.any,
    };
  }

  /** Carries a step out; resolves with why it failed. What failed stays visible in the situation and is decided on there. */
  async #perform(step: Exclude<Step, { do: 'wait' }>): Promise<string | undefined> {
    try {
      await this.#carryOut(step);
      return undefined;
    } catch (cause) {
      if (this.#abort.signal.aborted && isAbort(cause)) return 'the agent stops';
      this.#ports.log.error({ err: cause, step }, 'a step failed');
      this.#ports.report(step.do).finish(messageOf(cause));
      return messageOf(cause);
    }
  }

  #carryOut(step: Exclude<Step, { do: 'wait' }>): Promise<void> {
    const { openclaw } = this.#ports;
    const signal = this.#abort.signal;
    switch (step.do) {
      case 'resume-upgrade':
        return this.#reporting('upgrade', (progress) => this.#resume(progress, signal));
      case 'apply':
        return this.#apply(step.kind);
      case 'note':
        return this.#note(step.kind);
      case 'start':
        return this.#start(signal);
      case 'restart':
        return this.#restart();
      case 'exchange':
        return this.#exchanges.doFirst((work) => this.#exchange(work, signal));
      case 'stop':
        return openclaw.stop('the coordinator ordered a drain');
    }
  }

  async #reporting(operation: string, work: (progress: ReportProgress) => Promise<void>): Promise<void> {
    const progress = this.#ports.report(operation);
    await work(progress);
    progress.finish();
  }

  async #apply(kind: AppliedKind): Promise<void> {
    const offer = this.#offers.get(kind);
    if (offer === undefined) return;
    const { record, appliers, receipts } = this.#ports;
    if (this.#announced.get(kind) !== offer) receipts.applying(offer); // not again at each try
    this.#announced.set(kind, offer);
    const progress = this.#ports.report(kind === 'runtime' && record.current.runtime === undefined ? 'boot' : kind);
    const outcome = await appliers[kind].apply(offer, progress, this.#abort.signal);
    await this.#outcomes.take(kind, offer, outcome);
    progress.finish(outcome.state === 'failed' ? outcome.message : undefined);
  }

  async #resume(progress: ReportProgress, signal: AbortSignal): Promise<void> {
    const ended = await this.#ports.upgrade.resume(progress, signal);
    if (ended !== undefined) await this.#outcomes.take('runtime', ended.offer, ended.outcome);
  }

  async #start(signal: AbortSignal): Promise<void> {
    await this.#reporting('boot', (progress) => this.#ports.openclaw.start(progress, signal));
    await this.#outcomes.started();
  }

  async #note(kind: AppliedKind): Promise<void> {
    const offer = this.#offers.get(kind);
    if (offer !== undefined) await this.#outcomes.note(kind, offer);
  }

  async #restart(): Promise<void> {
    const waiters = this.#restarts.take();
    try {
      if (this.#ports.openclaw.state() === 'running') this.#ports.openclaw.requireRoom();
      await this.#ports.openclaw.stop('the coordinator ordered a restart');
      await this.#reporting('restart', (progress) => this.#ports.openclaw.start(progress, this.#abort.signal));
      waiters.settle();
    } catch (cause) {
      const why = restartFailed(cause);
      waiters.fail(why);
      throw cause;
    }
  }

  async #exchange(work: () => Promise<void>, signal: AbortSignal): Promise<Exchanged> {
    const { openclaw } = this.#ports;
    if (openclaw.state() === 'running') return openclaw.restart('the state is exchanged', work, signal);
    await work(); // it is down already; the loop starts it when it is wanted
    return { downtimeMillis: 0 };
  }

  /** After a failed step: until something changes, or a while has passed, so that a failure is not repeated in a tight loop. */
  async #pause(what: string, why: string): Promise<void> {
    const { clock, random, trouble } = this.#ports;
    const rest = backoffCeiling(this.#failuresInRow, RETRY) * (0.5 + random() / 2);
    this.#failuresInRow += 1;
    const times = this.#failuresInRow > 1 ? `, ${this.#failuresInRow} times in a row` : '';
    trouble(`${what} failed${times}; next try at ${timeOfDay(clock.now() + rest)}; ${lastWordsOf(why)}`);
    const over = new AbortController();
    const slept = clock.sleep(rest, over.signal).catch(() => {});
    await Promise.race([this.#woken.promise, slept]);
    over.abort();
  }
}
