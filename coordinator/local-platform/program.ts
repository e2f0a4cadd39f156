/**
 * Keeps one program of a tenant running, across its ends and across ours.
 *
 *   observe ▶ adopt, replace or start (next-step.ts) ▶ it ends ▶ rest (backoff) ▶ observe …      until `stop`
 *
 * A program holds a process lock while it lives and writes its pid beside it, so that a coordinator that comes after a
 * crash finds it and does not start a second one.
 */
import { readFileIfExists } from '@opencrane/kit/atomic-file.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf, systemCode } from '@opencrane/kit/errors.ts';
import { processExists } from '@opencrane/kit/lifecycle.ts';
import { readLogTail, sizeOfLog } from '@opencrane/kit/log-tail.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { describeEnd } from '@opencrane/kit/program-end.ts';
import { writeSmallFile } from '@opencrane/kit/small-file.ts';
import { findLiving, isAlive, type Marks } from './alive.ts';
import { type DetachedEnd, type DetachedSpec, startDetached } from './detached.ts';
import { nextStep, restAfter } from './next-step.ts';

/** How to start a program, how to find it again, and how long it may take to end. */
export type ProgramSpec = DetachedSpec & {
  readonly name: string;
  readonly marks: Marks;
  /** What must be the same for a program that is found running to be kept, and the file that remembers it. */
  readonly startedWith?: { readonly file: string; readonly value: string };
  readonly stopMillis: number;
};

/** What keeping a program takes. */
export type ProgramTools = {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Told how it ended and when it is started again, in words; and told an empty string once it is well again. */
  readonly trouble: (words: string) => void;
};

/** How often a process that is not our child is looked at. */
const LOOK_MILLIS = 500;
/** How often one that is told to end is looked at. */
const END_LOOK_MILLIS = 50;
/** One that lived this long after an end is not told as being in trouble any more. */
const WELL_AGAIN_MILLIS = 10_000;
/** What is left to a program when nobody wants to wait any longer. */
const HURRY_MILLIS = 5_000;

/** One program. Kept once, stopped once. */
export class Program {
  readonly #spec: ProgramSpec;
  readonly #tools: ProgramTools;
  readonly #stopping = new AbortController();
  readonly #leaving = new AbortController();
  /** Our own child, which we hear the end of; 0 when there is none. */
  #child = 0;
  #wasFound = false;
  #keeping: Promise<void> | undefined;

  constructor(spec: ProgramSpec, tools: ProgramTools) {
    this.#spec = spec;
    this.#tools = tools;
  }

  /** Keeps it running from now on; resolves when it was found or started. */
  async keep(): Promise<void> {
    const up = Promise.withResolvers<void>();
    this.#keeping ??= this.#keep(up.resolve);
    await Promise.race([up.promise, this.#keeping]);
  }

  /** Whether it runs because an earlier coordinator has started it. */
  get wasFound(): boolean {
    return this.#wasFound;
  }

  /** Keeps it no longer, and lets it run on. */
  leave(): void {
    this.#stopping.abort('left');
    this.#leaving.abort('left');
  }

  /**
   * Ends it: SIGTERM, and SIGKILL when its time is over, or `hurry` has fired and it did not end soon after.
   * Resolves when the process is gone. Works for one that an earlier coordinator has started, too.
   */
  async stop(hurry: AbortSignal): Promise<void> {
    this.#stopping.abort('stopped');
    const pid = this.#child || (await findLiving(this.#spec.marks));
    if (pid !== 0) await this.#end(pid, hurry);
    await this.#keeping;
  }

  async #keep(up: () => void): Promise<void> {
    const { clock, random, log, trouble } = this.#tools;
    const stopping = this.#stopping.signal;
    let endsInARow = 0;
    while (!stopping.aborted) {
      const began = clock.monotonic();
      const over = new AbortController();
      void clock.sleep(WELL_AGAIN_MILLIS, AbortSignal.any([over.signal, stopping])).then(
        () => trouble(''),
        () => {},
      );
      const end = await this.#runOnce(up).catch(notStarted);
      over.abort();
      if (stopping.aborted) return;
      const rest = restAfter(endsInARow, clock.monotonic() - began, random);
      endsInARow = rest.endsInARow;
      const how = describeEnd({ ...end, inARow: endsInARow, nextTryAt: clock.now() + rest.restMillis });
      log.warn({ program: this.#spec.name, how, restMillis: rest.restMillis }, 'a program ended and is started again');
      trouble(`its ${this.#spec.name} ${how}`);
      up(); // whoever waits for it hears of the trouble, and does not wait for a start that may never come
      await clock.sleep(rest.restMillis, stopping).catch(() => {}); // stopped meanwhile
    }
  }

  /** Resolves with how it ended. */
  async #runOnce(up: () => void): Promise<DetachedEnd> {
    const { marks, startedWith } = this.#spec;
    const pid = await findLiving(marks);
    const known = startedWith && (await readFileIfExists(startedWith.file));
    const step = nextStep({ pid, startedWith: known }, startedWith?.value);
    if (step === 'replace') await this.#end(pid, this.#stopping.signal);
    if (startedWith && step !== 'adopt') await writeSmallFile(startedWith.file, startedWith.value);
    if (this.#stopping.signal.aborted) return { code: undefined, signal: '', output: '' };
    this.#wasFound = step === 'adopt';
    const ended = step === 'adopt' ? this.#adopted(pid) : this.#started();
    up();
    return ended;
  }

  /** One that an earlier coordinator has started is not our child: nobody tells us its exit code. */
  async #adopted(pid: number): Promise<DetachedEnd> {
    const { clock, log } = this.#tools;
    const begin = sizeOfLog(this.#spec.log);
    log.info({ program: this.#spec.name, pid }, 'found running');
    const leaving = this.#leaving.signal;
    while (!leaving.aborted && isAlive(pid, this.#spec.marks.lock)) {
      await clock.sleep(LOOK_MILLIS, leaving).catch(() => {}); // left meanwhile
    }
    return { code: undefined, signal: '', output: readLogTail(this.#spec.log, begin) };
  }

  async #started(): Promise<DetachedEnd> {
    const { pid, ended } = startDetached(this.#spec);
    this.#child = pid;
    try {
      return await ended;
    } finally {
      this.#child = 0;
    }
  }

  async #end(pid: number, hurry: AbortSignal): Promise<void> {
    const { clock, log } = this.#tools;
    signal(pid, 'SIGTERM');
    let deadline = clock.monotonic() + this.#spec.stopMillis;
    const hasten = () => {
      signal(pid, 'SIGTERM'); // told twice, a launcher gives its drain up
      deadline = Math.min(deadline, clock.monotonic() + HURRY_MILLIS);
    };
    if (hurry.aborted) hasten();
    hurry.addEventListener('abort', hasten, { once: true });
    try {
      while (this.#isThere(pid) && clock.monotonic() < deadline) await clock.sleep(END_LOOK_MILLIS);
    } finally {
      hurry.removeEventListener('abort', hasten);
    }
    if (!this.#isThere(pid)) return;
    log.warn({ program: this.#spec.name, pid }, 'did not end in time and is killed');
    signal(pid, 'SIGKILL');
    while (this.#isThere(pid)) await clock.sleep(END_LOOK_MILLIS);
  }

  /** A child of ours exists until it has ended, whether it has taken its lock yet or not. */
  #isThere(pid: number): boolean {
    return pid === this.#child ? processExists(pid) : isAlive(pid, this.#spec.marks.lock);
  }
}

function notStarted(cause: unknown): DetachedEnd {
  return { code: -1, signal: '', output: messageOf(cause) };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    if (systemCode(cause) !== 'ESRCH') throw cause;
  }
}
