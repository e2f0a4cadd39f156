/** The launcher as the agent sees it: calls over its unix socket. */
import { setTimeout as sleep } from 'node:timers/promises';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf, OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import { fromConnectError } from '@opencrane/kit/grpc/status.ts';
import {
  type Exit,
  HoldSchema,
  LauncherService,
  type LauncherStatus,
  type ShimUpdate,
  type StartRequestSchema,
  type StatusResponse,
  type UpdateResponse,
  type UpdateResponseSchema,
  type Hold as WireHold,
} from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import type { TenantFolders } from '../folders.ts';
import { bootClock } from './boot-clock.ts';
import type { HoldTime } from './hold.ts';
import { launcherSocket } from './socket.ts';

/** What the launcher tells who watches it. */
export type LauncherEvent =
  | { readonly event: 'status'; readonly status: LauncherStatus }
  /** A tenant typed `openclaw update` and waits for `answerUpdate`. */
  | { readonly event: 'update'; readonly update: ShimUpdate }
  /** The launcher does not answer; it is tried again until it does. */
  | { readonly event: 'lost'; readonly why: OpenCraneError };

const RECONNECT = { firstMillis: 50, maxMillis: 1_000 };

/** A launcher that is frozen must not freeze its callers. */
const CALL_MILLIS = 10_000;
/** Starting waits up to 30 s for the OpenClaw of a launcher before this one (orphan.ts). */
const START_MILLIS = 60_000;
/** What a stop may take beyond its budget: giving up a command of OpenClaw's that is under way. */
const STOP_MARGIN_MILLIS = 30_000;

/** Calls the launcher of one tenant. It keeps nothing open between calls except what `watch` and `update` read. */
export class LauncherClient {
  readonly #client: Client<typeof LauncherService>;
  readonly #clock: Clock;

  /** Moments that callers name are on `clock`. */
  constructor(folders: TenantFolders, clock: Clock = bootClock) {
    this.#clock = clock;
    const transport = createConnectTransport({
      httpVersion: '1.1',
      baseUrl: 'http://launcher', // the socket below decides where calls go
      nodeOptions: { socketPath: launcherSocket(folders) },
    });
    this.#client = createClient(LauncherService, transport);
  }

  /**
   * Starts OpenClaw; the process id. With a hold it runs no longer than that. Throws `failed_precondition` when one runs,
   * is being started or stopped, and when the hold is about to end.
   */
  async start(request: MessageInitShape<typeof StartRequestSchema>, hold?: HoldTime): Promise<number> {
    const held = hold === undefined ? request : { ...request, hold: await this.#onItsClock(hold) };
    const { pid } = await calling(this.#client.start(held, { timeoutMs: START_MILLIS }));
    return Number(pid);
  }

  /** Lets what runs run on until then, and no longer; a moment that has passed ends it at once. */
  async hold(hold: HoldTime): Promise<void> {
    await calling(this.#client.hold({ hold: await this.#onItsClock(hold) }, { timeoutMs: CALL_MILLIS }));
  }

  /** Drains and stops; resolves when the process is gone. Nothing running is not an error: then there is no exit. */
  async stop(reason: string, budgetMillis: number): Promise<Exit | undefined> {
    const timeoutMs = budgetMillis + STOP_MARGIN_MILLIS;
    const { exit } = await calling(this.#client.stop({ reason, budgetMillis: BigInt(budgetMillis) }, { timeoutMs }));
    return exit;
  }

  async status(): Promise<LauncherStatus> {
    const { status } = await this.#status();
    if (status === undefined) throw new OpenCraneError('internal', 'internal', 'asking the launcher: no status');
    return status;
  }

  #status(): Promise<StatusResponse> {
    return calling(this.#client.status({}, { timeoutMs: CALL_MILLIS }));
  }

  /** The same hold on the launcher's clock. It read that before we read ours, so its moment is early rather than late. */
  async #onItsClock({ until, drainMillis }: HoldTime): Promise<WireHold> {
    const { clockMillis } = await this.#status();
    const leftMillis = Math.floor(until - this.#clock.monotonic());
    return create(HoldSchema, {
      untilMillis: clockMillis + BigInt(leftMillis),
      drainMillis: BigInt(Math.floor(drainMillis)),
      asOfMillis: clockMillis,
    });
  }

  /**
   * The status at once and at every change, and every request of the shim; connects again when the launcher was
   * restarted, and is then told again of the requests that are open. Ends on the signal.
   */
  async *watch(signal: AbortSignal): AsyncGenerator<LauncherEvent> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        for await (const { event } of this.#client.watch({}, { signal })) {
          attempt = 0;
          if (event.case === 'status') yield { event: 'status', status: event.value };
          if (event.case === 'update') yield { event: 'update', update: event.value };
        }
      } catch (cause) {
        if (signal.aborted) return;
        yield { event: 'lost', why: toLauncherError(cause) };
      }
      await sleep(backoffMillis(attempt, RECONNECT, Math.random), undefined, { signal }).catch(() => {});
    }
  }

  /** Progress of an update, or its end, for the tenant's terminal. Throws `not_found` when the tenant no longer waits. */
  async answerUpdate(requestId: string, response: MessageInitShape<typeof UpdateResponseSchema>): Promise<void> {
    await calling(this.#client.answerUpdate({ requestId, response }, { timeoutMs: CALL_MILLIS }));
  }

  /** Asks the tenant's agent for an update, as the shim does: progress, and last a response that is `finished`. */
  async *update(version: string, signal: AbortSignal): AsyncGenerator<UpdateResponse> {
    try {
      yield* this.#client.update({ version }, { signal });
    } catch (cause) {
      throw toLauncherError(cause);
    }
  }
}

async function calling<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw toLauncherError(cause);
  }
}

/** What a call failed with; `unavailable` when the launcher is not there, which Connect does not know of sockets. */
function toLauncherError(thrown: unknown): OpenCraneError {
  const error = fromConnectError(thrown);
  for (let cause: unknown = thrown; cause instanceof Error; cause = cause.cause) {
    if (!unreachable.has(systemCode(cause))) continue;
    return new OpenCraneError('unavailable', 'launcher_unreachable', `calling the launcher: ${messageOf(cause)}`, {
      cause: thrown,
      mend: 'wait until it is started again',
    });
  }
  return error;
}

/** Whether a call failed because there was no launcher: it is started again, so what was to be done is done again. */
export function isLauncherAway(cause: unknown): boolean {
  return cause instanceof OpenCraneError && ['launcher_unreachable', 'launcher_ends'].includes(cause.reason);
}

const unreachable = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTSOCK']);
