/**
 * Relays an `openclaw update` from the tenant's shell to the agent, and the agent's answers back.
 *
 *   shim ──ask──▶ waiting ──an agent watches──▶ with the agent ──answers…──▶ finished
 *                    └──nobody does within a few seconds──▶ refused
 *
 * A request that the agent has been told of is told again to an agent that comes after it, so a restart in the
 * middle costs a line of progress and not the update.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import {
  type ShimUpdate,
  ShimUpdateSchema,
  type UpdateResponse,
  UpdateResponseSchema,
} from '@opencrane/proto/opencrane/v1/launcher_pb.ts';

/** How long an update waits for an agent that takes it; an agent that restarts is back in about two. */
const NOBODY_MILLIS = 5_000;

type Request = { readonly update: ShimUpdate; readonly answers: UpdateResponse[]; wake: () => void };

/** The requests that are open. */
export class Updates {
  readonly #requests = new Map<string, Request>();
  readonly #watchers = new Set<(update: ShimUpdate) => void>();
  readonly #newId: () => string;
  readonly #patienceMillis: number;

  constructor(newId: () => string, patienceMillis = NOBODY_MILLIS) {
    this.#newId = newId;
    this.#patienceMillis = patienceMillis;
  }

  /** Hears the requests that are open and those that come, until the function it returns is called. */
  onRequest(watcher: (update: ShimUpdate) => void): () => void {
    this.#watchers.add(watcher);
    for (const { update } of this.#requests.values()) watcher(update);
    return () => this.#watchers.delete(watcher);
  }

  /** Asks for an update; the answers, until the one that is the last. Throws `unavailable` when no agent takes it. */
  async *ask(version: string, signal: AbortSignal): AsyncGenerator<UpdateResponse> {
    const update = create(ShimUpdateSchema, { requestId: this.#newId(), version });
    const request: Request = { update, answers: [], wake: () => {} };
    this.#requests.set(update.requestId, request);
    const abort = () => request.wake();
    signal.addEventListener('abort', abort, { once: true });
    try {
      for (const watcher of this.#watchers) watcher(update);
      for (;;) {
        const answer = request.answers.shift() ?? (await this.#next(request, signal));
        yield answer;
        if (answer.finished) return;
      }
    } finally {
      signal.removeEventListener('abort', abort);
      this.#requests.delete(update.requestId);
    }
  }

  /** Passes an answer on; throws `not_found` when nobody waits for it any more. */
  answer(requestId: string, response: MessageInitShape<typeof UpdateResponseSchema>): void {
    const request = this.#requests.get(requestId);
    if (request === undefined) {
      throw new OpenCraneError('not_found', 'update_not_found', `answering update ${requestId}: nobody waits for it`);
    }
    request.answers.push(create(UpdateResponseSchema, response));
    request.wake();
  }

  /** The next answer. As long as an agent watches it may take as long as it takes. */
  async #next(request: Request, signal: AbortSignal): Promise<UpdateResponse> {
    for (;;) {
      signal.throwIfAborted();
      const [answer] = request.answers.splice(0, 1);
      if (answer !== undefined) return answer;
      const { promise, resolve } = Promise.withResolvers<'woken' | 'late'>();
      request.wake = () => resolve('woken');
      const timer = setTimeout(() => resolve('late'), this.#patienceMillis);
      const why = await promise;
      clearTimeout(timer);
      if (why === 'late' && this.#watchers.size === 0) throw nobodyThere();
    }
  }
}

function nobodyThere(): OpenCraneError {
  return new OpenCraneError('unavailable', 'agent_not_there', 'updating OpenClaw: no agent is there to do it', {
    mend: 'try again in a minute; if that does not help, ask who runs this OpenCrane to look at this tenant',
  });
}
