/**
 * A suspension that a host asks for before it stops the gateway.
 *
 *   none ──prepare──▶ draining ──no turn runs──▶ ready
 *    ▲                   └─────lease of two minutes over─────┘ (to none)
 *
 * While there is one, nothing but `gateway.suspend.*` is answered.
 */
import { randomUUID } from 'node:crypto';
import { invalid, type Refusal, unavailable } from './refusal.ts';

const LEASE_MILLIS = 120_000;
/** `retryAfterMs` of a drain; a constant of OpenClaw's. */
const RETRY_MILLIS = 20_000;

type Prepared = { readonly requestId: string; readonly suspensionId: string; readonly expiresAtMs: number };

/** What it needs to know of the gateway. */
export type SuspensionPorts = {
  readonly activeTurns: () => number;
  readonly processInstanceId: string;
};

/** The suspension of one gateway. */
export class Suspension {
  readonly #ports: SuspensionPorts;
  #prepared: Prepared | undefined;
  #mayInterrupt = false;

  constructor(ports: SuspensionPorts) {
    this.#ports = ports;
  }

  /** Whether the next SIGTERM may interrupt what runs. */
  get mayInterrupt(): boolean {
    return this.#mayInterrupt;
  }

  get isPrepared(): boolean {
    if (this.#prepared !== undefined && this.#prepared.expiresAtMs < Date.now()) this.#prepared = undefined;
    return this.#prepared !== undefined;
  }

  /** Throws when a method is not for a gateway that is suspended. */
  assertAnswers(method: string): void {
    if (!this.isPrepared || method.startsWith('gateway.suspend.')) return;
    throw unavailable(`${method} unavailable during gateway suspension`, {
      retryable: true,
      retryAfterMs: 1000,
      details: { method, reason: 'gateway-suspending', phase: this.#status() },
    });
  }

  prepare(requestId: string): object {
    if (this.isPrepared && this.#prepared?.requestId !== requestId) {
      throw this.#conflict('another gateway suspension is already prepared');
    }
    const suspensionId = this.#prepared?.suspensionId ?? randomUUID();
    this.#prepared = { requestId, suspensionId, expiresAtMs: Date.now() + LEASE_MILLIS };
    return { ...this.#seen(), suspensionId };
  }

  status(suspensionId: string): object {
    if (!this.isPrepared) return { status: 'running' };
    this.#assertIs(suspensionId);
    return this.#seen();
  }

  handoff(suspensionId: string, target: unknown): object {
    if (!this.isPrepared) throw invalid('no gateway suspension is prepared');
    this.#assertIs(suspensionId);
    const { pid, processInstanceId } = target as { pid?: unknown; processInstanceId?: unknown }; // compared, not trusted
    if (pid !== process.pid || processInstanceId !== this.#ports.processInstanceId) {
      throw unavailable('gateway process changed after preflight');
    }
    this.#mayInterrupt = true;
    return { status: 'armed' };
  }

  #assertIs(suspensionId: string): void {
    if (this.#prepared?.suspensionId !== suspensionId) {
      throw this.#conflict('a different gateway suspension is prepared');
    }
  }

  #conflict(message: string): Refusal {
    const expiresAtMs = this.#prepared?.expiresAtMs ?? 0;
    const details = { reason: 'gateway-suspension-conflict', expiresAtMs };
    return unavailable(message, { retryable: true, retryAfterMs: expiresAtMs - Date.now(), details });
  }

  #status(): 'draining' | 'ready' {
    return this.#ports.activeTurns() > 0 ? 'draining' : 'ready';
  }

  #seen(): object {
    const count = this.#ports.activeTurns();
    const blockers = [
      { kind: 'embedded-run', count, message: `${count} active embedded run(s)` },
      { kind: 'chat-run', count, message: `${count} active chat run(s)` },
    ];
    return {
      status: this.#status(),
      expiresAtMs: this.#prepared?.expiresAtMs,
      activeCount: count * blockers.length,
      blockers: count > 0 ? blockers : [],
      writeCustody: [],
      ...(count > 0 && { retryAfterMs: RETRY_MILLIS }),
    };
  }
}
