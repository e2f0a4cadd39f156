/**
 * A tenant's `openclaw update`, from the shim to the last line on its terminal.
 *
 *   asked ──pinned──▶ refused
 *     └─▶ coordinator asked ──refused, or nothing to do──▶ answered
 *                        └─accepted─▶ applied by the converge loop like any offer ──▶ answered with what became of it
 */
import { create } from '@bufbuild/protobuf';
import { exitCodes, messageOf } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { Offer, RuntimeAnswer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { type Progress, ProgressSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import {
  type ShimUpdate,
  type UpdateResponse,
  UpdateResponseSchema,
} from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import type { Outcome } from '../appliers/applier.ts';

/** The version that serves, and who pinned it, where and why; all empty when it is not pinned. */
type ServedVersion = {
  readonly version: string;
  readonly pin: { readonly by: string; readonly at: string; readonly reason: string };
};

/** What answering takes. */
export type UpdatePorts = {
  /** Undefined before the first boot. */
  readonly serving: () => ServedVersion | undefined;
  readonly ask: (version: string, signal: AbortSignal) => Promise<RuntimeAnswer>;
  readonly answer: (requestId: string, response: UpdateResponse) => Promise<void>;
  readonly log: Logger;
};

type Waiting = { readonly requestId: string; readonly version: string; readonly from: string };

/** Requests that are under way. */
export class UpdateRequests {
  readonly #ports: UpdatePorts;
  readonly #abort = new AbortController();
  #waiting: Waiting[] = [];

  constructor(ports: UpdatePorts) {
    this.#ports = ports;
  }

  /** Gives up everything that is under way. */
  stop(): void {
    this.#abort.abort('the agent stops');
  }

  /** Takes a request. Answers go to the shim; nothing is thrown. */
  async take({ requestId, version }: ShimUpdate): Promise<void> {
    try {
      await this.#decide(requestId, version);
    } catch (cause) {
      await this.#finish(requestId, exitCodes.failed, `openclaw update: ${messageOf(cause)}`);
    }
  }

  /** Shows the progress of an upgrade to those who wait for one. */
  progress(progress: Progress): void {
    if (progress.finished) return;
    for (const { requestId } of this.#waiting) this.#send(requestId, create(UpdateResponseSchema, { progress }));
  }

  /** Tells those who wait for this version what became of it. */
  settled(offer: Offer, outcome: Outcome): void {
    if (offer.payload.case !== 'runtime') return;
    const { version } = offer.payload.value;
    const concerned = this.#waiting.filter((waiting) => waiting.version === version);
    this.#waiting = this.#waiting.filter((waiting) => waiting.version !== version);
    for (const waiting of concerned) {
      const [code, message] = ending(waiting, outcome);
      void this.#finish(waiting.requestId, code, message);
    }
  }

  async #decide(requestId: string, version: string): Promise<void> {
    const { serving, ask } = this.#ports;
    const { version: from = 'none', pin } = serving() ?? {};
    if (pin?.by) {
      const because = pin.reason ? `: ${pin.reason}` : '';
      const message = `OpenClaw is pinned to ${from} for ${pin.at} by ${pin.by}${because}. Ask them to change or remove the pin.`;
      return this.#finish(requestId, exitCodes.conflict, message);
    }
    const step = create(ProgressSchema, {
      operation: 'upgrade',
      step: 'ask',
      message: 'asking the coordinator for the bundle',
    });
    this.#send(requestId, create(UpdateResponseSchema, { progress: step }));
    const answer = await ask(version, this.#abort.signal);
    if (!answer.accepted) return this.#finish(requestId, exitCodes.conflict, answer.message);
    if (answer.unchanged)
      return this.#finish(requestId, exitCodes.ok, `OpenClaw ${answer.version} is what runs already.`);
    // The offer may have come, and even been settled, before this answer.
    if (serving()?.version === answer.version) {
      return this.#finish(requestId, exitCodes.ok, `OpenClaw ${answer.version} runs (before: ${from}).`);
    }
    this.#waiting.push({ requestId, version: answer.version, from });
  }

  #finish(requestId: string, exitCode: number, message: string): Promise<void> {
    return this.#deliver(requestId, create(UpdateResponseSchema, { finished: true, exitCode, message }));
  }

  #send(requestId: string, response: UpdateResponse): void {
    void this.#deliver(requestId, response);
  }

  /** The person may have closed the terminal; the update goes on without them. */
  async #deliver(requestId: string, response: UpdateResponse): Promise<void> {
    try {
      await this.#ports.answer(requestId, response);
    } catch (cause) {
      this.#ports.log.debug({ err: cause, requestId }, 'nobody waits for this update any more');
    }
  }
}

function ending({ version, from }: Waiting, outcome: Outcome): [code: number, message: string] {
  if (outcome.state === 'failed') {
    return [exitCodes.failed, `OpenClaw ${version} was not kept, ${from} runs on: ${outcome.message}`];
  }
  const seconds = (outcome.downtimeMillis / 1000).toFixed(1);
  return [exitCodes.ok, `OpenClaw ${version} runs (before: ${from}; away for ${seconds} s).`];
}
