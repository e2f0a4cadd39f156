/** Every session there is: which one speaks for a tenant, and the one timer that looks after all of them. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { GoodbyeReason } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { HostedSession } from './session-host.ts';

/** Time between two sweeps. */
export const SWEEP_MILLIS = 1_000;

/** The sessions. */
export class Sessions {
  readonly #clock: Clock;
  readonly #reconnectAfter: () => number;
  readonly #open = new Set<HostedSession>();
  readonly #byTenant = new Map<string, HostedSession>();
  #sweeps = 0;
  #onEmpty: (() => void) | undefined;

  constructor(clock: Clock, reconnectAfter: () => number) {
    this.#clock = clock;
    this.#reconnectAfter = reconnectAfter;
  }

  /** How many tenants have a session. */
  get count(): number {
    return this.#byTenant.size;
  }

  /** How many streams are open, those included that say hello or goodbye. */
  get open(): number {
    return this.#open.size;
  }

  /** Sweeps since the start. */
  get sweeps(): number {
    return this.#sweeps;
  }

  add(session: HostedSession): void {
    this.#open.add(session);
  }

  ofTenant(tenant: string): HostedSession | undefined {
    return this.#byTenant.get(tenant);
  }

  /** The sessions of these tenants. */
  select(tenants: 'all' | readonly string[]): HostedSession[] {
    if (tenants === 'all') return [...this.#byTenant.values()];
    return tenants.flatMap((tenant) => this.#byTenant.get(tenant) ?? []);
  }

  /** Makes the session its tenant's; resolves when the one before has left. */
  async enter(session: HostedSession): Promise<void> {
    const before = this.#byTenant.get(session.tenant);
    this.#byTenant.set(session.tenant, session);
    // An agent that was replaced is a leftover; should it be alive, it must not take the stream back at once.
    await before?.bye(GoodbyeReason.REPLACED, this.#reconnectAfter());
  }

  leave(session: HostedSession): void {
    if (this.#byTenant.get(session.tenant) === session) this.#byTenant.delete(session.tenant);
  }

  closed(session: HostedSession): void {
    this.#open.delete(session);
    if (this.#open.size === 0) this.#onEmpty?.();
  }

  /** Sweeps until the signal fires. `also` is done in every sweep. */
  async sweepUntil(signal: AbortSignal, also: () => void): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(SWEEP_MILLIS, signal).catch(() => {});
      if (signal.aborted) return;
      this.#sweeps += 1;
      const now = this.#clock.monotonic();
      for (const session of this.#open) session.sweep(now);
      also();
    }
  }

  /** Every open stream, for the goodbye at the end. */
  all(): HostedSession[] {
    return [...this.#open];
  }

  /** Resolves when no stream is open any more. */
  empty(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }
}
