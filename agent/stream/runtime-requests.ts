/** The tenant's `openclaw update`s that wait for the coordinator's answer. They outlive streams. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { RuntimeAnswer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';

/** A request that waits. */
export type WaitingRequest = { readonly requestId: string; readonly version: string };

/** How long a request waits for a coordinator out of reach. A person sits in front of it. */
const AWAY_MILLIS = 20_000;

type Waiter = WaitingRequest & {
  readonly resolve: (answer: RuntimeAnswer) => void;
  readonly reject: (why: unknown) => void;
};

/** The requests. */
export class WaitingRequests {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those without an answer, to be sent again on a new stream. */
  all(): readonly WaitingRequest[] {
    return [...this.#waiting.values()].map(({ requestId, version }) => ({ requestId, version }));
  }

  /** Waits for the answer; `connected` tells whether there is somebody to give it. */
  async wait(request: WaitingRequest, connected: () => boolean, signal: AbortSignal): Promise<RuntimeAnswer> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<RuntimeAnswer>();
    this.#waiting.set(request.requestId, { ...request, resolve, reject });
    const over = new AbortController();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    void this.#giveUpWhenAway(connected, reject, over.signal);
    try {
      return await promise;
    } finally {
      over.abort();
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(request.requestId);
    }
  }

  answer(answer: RuntimeAnswer): void {
    this.#waiting.get(answer.requestId)?.resolve(answer);
  }

  /** The agent stops. */
  abandon(): void {
    for (const { reject } of this.#waiting.values()) reject(unanswered('the agent stops'));
  }

  async #giveUpWhenAway(connected: () => boolean, reject: (why: unknown) => void, over: AbortSignal): Promise<void> {
    let away = false;
    while (!over.aborted) {
      if (!connected() && away) return reject(unanswered('the coordinator is out of reach'));
      away = !connected();
      await this.#clock.sleep(AWAY_MILLIS, over).catch(() => {});
    }
  }
}

function unanswered(why: string): OpenCraneError {
  return new OpenCraneError('unavailable', 'update_unanswered', `asking the coordinator for a version: ${why}`, {
    mend: 'what runs now runs on; try again when the coordinator is back',
  });
}
