/** Orders that wait for an agent's result, by command id. */
import { type ErrorCode, errorCodeNamed, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { CommandResult } from '@opencrane/proto/opencrane/v1/agent_pb.ts';

/** Orders one agent may have open; more would only be somebody's loop. */
const MOST = 16;

type Waiter = { readonly resolve: (result: CommandResult) => void; readonly reject: (why: unknown) => void };

/** The orders of one session. */
export class PendingCommands {
  readonly #tenant: string;
  readonly #waiting = new Map<string, Waiter>();

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  /** Whether an order waits. */
  get open(): boolean {
    return this.#waiting.size > 0;
  }

  /** Resolves with the agent's result when it has done it; `send` sends it. The agent goes on with it when the signal fires. */
  async order(commandId: string, send: () => void, signal?: AbortSignal): Promise<CommandResult> {
    signal?.throwIfAborted();
    if (this.#waiting.size >= MOST) {
      const what = `${MOST} commands already wait for the agent of ${this.#tenant}`;
      throw new OpenCraneError('resource_exhausted', 'too_many_commands', what, { mend: 'wait for them to end' });
    }
    const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
    const onAbort = () => reject(signal?.reason);
    this.#waiting.set(commandId, { resolve, reject });
    signal?.addEventListener('abort', onAbort, { once: true });
    send();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#waiting.delete(commandId);
    }
  }

  /** Takes a result. One that nobody waits for any more is ignored. */
  settle(result: CommandResult): void {
    const waiter = this.#waiting.get(result.commandId);
    if (result.error === '') waiter?.resolve(result);
    else waiter?.reject(commandFailed(this.#tenant, result));
  }

  /** The stream is gone: whether the orders were carried out is not known. */
  abandon(): void {
    for (const { reject } of this.#waiting.values()) reject(agentAway(this.#tenant, 'lost its connection'));
  }
}

/** The error for a tenant whose agent cannot be reached. */
export function agentAway(tenant: string, what: string): OpenCraneError {
  return new OpenCraneError('unavailable', 'agent_not_connected', `the agent of ${tenant} ${what}`, {
    mend: `look at it with "opencrane tenant show ${tenant}" and try again`,
  });
}

/** Codes that would say something of the coordinator or of its caller when passed on: a defect here, a token, an end. */
const notPassedOn: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['internal', 'unauthenticated', 'cancelled']);

/** What the agent says went wrong, with its own reason and its way to mend it. */
function commandFailed(tenant: string, { error, code, reason, field, mend }: CommandResult): OpenCraneError {
  const said = errorCodeNamed(code);
  const passedOn = said === undefined || notPassedOn.has(said) ? 'failed_precondition' : said;
  return new OpenCraneError(passedOn, reason || 'command_failed', `the agent of ${tenant} says: ${error}`, {
    field,
    mend: mend || "see the tenant's logs",
  });
}
