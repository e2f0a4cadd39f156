/**
 * Streams that the coordinator ended because of their age, and whose agents it asked to come again: for whoever watches
 * nothing has happened.
 *
 *   serving ──max age──▶ renewing ──hello of the same process that serves the same──▶ serving      (nobody is told)
 *                          ├──────hello of another process, or it serves something else──▶ told: disconnected, connected
 *                          └──────grace over, or the plane stops──▶ told: disconnected
 *
 * Every other end is a loss and is told at once, without a grace: what cannot be reached is not ready, and whoever waits
 * for an agent should not wait longer because it might come back. Nothing here says who has a tenant: that is asked of the
 * witness in calls of their own (docs/fence.md).
 */
import type { Hello } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { type AgentView, servesTheSame, viewOf } from './offers-due.ts';

/** An agent that was asked to come again, as it was when its stream ended. */
export type Left = {
  readonly sessionId: string;
  /** Of its process. */
  readonly instanceId: string;
  readonly view: AgentView;
  /** When it was told to come again, in milliseconds from then. */
  readonly reconnectAfterMillis: number;
};

/** What the renewals need. */
export type RenewalsParts = {
  /** How long a hello may take, from the moment that the agent was told to come again. */
  readonly helloMillis: number;
  readonly monotonic: () => number;
  /** Tells that an agent has not come back as it was asked to. Never rejects. */
  readonly disconnected: (tenant: string, sessionId: string, why: string) => Promise<void>;
};

type Renewing = Left & {
  readonly until: number;
  readonly over: PromiseWithResolvers<void>;
  /** Whether it has said hello again. */
  isBack: boolean;
};

/** Whether an agent that says hello is the one that was asked to come again, and goes on where it was. */
export function isRenewal(left: Pick<Left, 'instanceId' | 'view'>, hello: Hello): boolean {
  if (hello.instanceId !== left.instanceId) return false;
  return servesTheSame(left.view, viewOf(hello.capabilities, hello.kinds));
}

/** The agents that were asked to come again. */
export class Renewals {
  readonly #parts: RenewalsParts;
  readonly #renewing = new Map<string, Renewing>();

  constructor(parts: RenewalsParts) {
    this.#parts = parts;
  }

  /** A tenant's stream has ended for its age. */
  begin(tenant: string, left: Left): void {
    const { helloMillis, monotonic } = this.#parts;
    const until = monotonic() + left.reconnectAfterMillis + helloMillis;
    this.#renewing.set(tenant, { ...left, until, over: Promise.withResolvers(), isBack: false });
  }

  /** An agent says hello. True when nothing has happened for whoever watches; else it was told that the one before is gone. */
  async hello(tenant: string, hello: Hello): Promise<boolean> {
    const left = this.#renewing.get(tenant);
    if (left === undefined || left.isBack) return false;
    left.isBack = true;
    if (isRenewal(left, hello)) return true;
    await this.#parts.disconnected(tenant, left.sessionId, 'another one took its place');
    return false;
  }

  /** The tenant has a session again. */
  end(tenant: string): void {
    this.#renewing.get(tenant)?.over.resolve();
    this.#renewing.delete(tenant);
  }

  /** Resolves when the tenant has a session again, or will have none; at once when its stream is not being renewed. */
  async settled(tenant: string, signal?: AbortSignal): Promise<void> {
    const left = this.#renewing.get(tenant);
    if (left === undefined || signal?.aborted) return;
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    signal?.addEventListener('abort', onAbort, { once: true });
    await Promise.race([left.over.promise, aborted.promise]);
    signal?.removeEventListener('abort', onAbort);
  }

  /** Gives up who has not come in time. `now` is monotonic. */
  sweep(now: number): void {
    for (const [tenant, { until }] of this.#renewing) if (now > until) void this.#giveUp(tenant, 'not back in time');
  }

  /** Gives up all: the plane stops. */
  async stop(): Promise<void> {
    await Promise.all([...this.#renewing.keys()].map((tenant) => this.#giveUp(tenant, 'shutdown')));
  }

  async #giveUp(tenant: string, why: string): Promise<void> {
    const left = this.#renewing.get(tenant);
    this.end(tenant);
    if (left !== undefined && !left.isBack) await this.#parts.disconnected(tenant, left.sessionId, why);
  }
}
