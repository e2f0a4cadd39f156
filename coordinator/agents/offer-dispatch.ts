/**
 * Asks for the desired state of tenants and hands it to their sessions: few at a time, each session at most once at a
 * time, and once more when it changed meanwhile. What could not be read is asked for again.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { GoodbyeReason } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { DesiredState } from './ports.ts';
import type { HostedSession } from './session-host.ts';

/** Questions under way at one time. */
const CONCURRENCY = 32;

/** Sessions that one worker serves before it lets the network have its turn. */
const BATCH = 16;

/** The dispatch. */
export class OfferDispatch {
  readonly #desired: DesiredState;
  readonly #log: Logger;
  readonly #due = new Set<HostedSession>();
  readonly #asking = new Set<HostedSession>();
  readonly #failed = new Set<HostedSession>();
  #workers = 0;

  constructor(desired: DesiredState, log: Logger) {
    this.#desired = desired;
    this.#log = log;
  }

  /** Has the session's desired state looked up and handed to it. */
  refresh(session: HostedSession): void {
    this.#due.add(session);
    if (this.#workers >= CONCURRENCY) return;
    this.#workers += 1;
    void this.#run();
  }

  /** Looks up again what failed before. */
  retry(): void {
    const again = [...this.#failed];
    this.#failed.clear();
    for (const session of again) this.refresh(session);
  }

  /** The session is gone. */
  forget(session: HostedSession): void {
    this.#due.delete(session);
    this.#failed.delete(session);
  }

  async #run(): Promise<void> {
    for (let served = 1; ; served += 1) {
      const session = this.#next();
      if (session === undefined) break;
      await this.#ask(session);
      if (served % BATCH === 0) await breathe();
    }
    this.#workers -= 1;
  }

  #next(): HostedSession | undefined {
    for (const session of this.#due) {
      if (this.#asking.has(session)) continue; // its worker comes back to it
      this.#due.delete(session);
      return session;
    }
    return undefined;
  }

  async #ask(session: HostedSession): Promise<void> {
    this.#asking.add(session);
    try {
      session.desire(await this.#desired.offersFor(session.tenant));
    } catch (cause) {
      this.#onFailed(session, cause);
    }
    this.#asking.delete(session);
  }

  #onFailed(session: HostedSession, cause: unknown): void {
    const error = toOpenCraneError(cause, `reading what ${session.tenant} should serve`);
    if (error.code === 'not_found') {
      void session.bye(GoodbyeReason.TENANT_DELETED, 0, error);
      return;
    }
    this.#log.error({ err: error, tenant: session.tenant }, 'reading desired state failed; it is tried again');
    this.#failed.add(session);
  }
}
