/**
 * Asks the coordinator about the tenant's lease, on a connection of its own: a stream that hangs must not cost the tenant
 * its vouch. One that works is kept for the next question, which comes seconds later while a bucket is away; one that
 * failed is not, nor one that nobody has used for a while.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { grpcMethod } from '@opencrane/kit/grpc/service-definition.ts';
import { fromGrpcError } from '@opencrane/kit/grpc/status.ts';
import { AgentService } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Holding } from '../fence/lease-record.ts';
import type { Witness } from '../fence/questioner.ts';
import type { WitnessTerms } from '../fence/terms.ts';
import { type Dialed, type DialOptions, dial } from './dial.ts';

/** Far below the life of a token, which a connection keeps as it was. */
const IDLE_MILLIS = 30_000;

/** The coordinator as the fence's witness. */
export class WitnessCalls implements Witness {
  readonly #options: DialOptions;
  #kept: Dialed | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: DialOptions) {
    this.#options = options;
  }

  async vouch(holding: Holding, { id, vouchMillis }: WitnessTerms, signal: AbortSignal): Promise<boolean> {
    const request = { holding: onTheWire(holding, id), vouchMillis: BigInt(vouchMillis) };
    return (await this.#call(AgentService.method.vouch, request, signal)).vouched;
  }

  async grant(holding: Holding, { id }: WitnessTerms, signal: AbortSignal): Promise<boolean> {
    const request = { holding: onTheWire(holding, id) };
    return (await this.#call(AgentService.method.grantTakeOver, request, signal)).granted;
  }

  /** Keeps no connection any more. */
  close(): void {
    clearTimeout(this.#idle);
    this.#kept?.client.close();
    this.#kept = undefined;
  }

  /** Asks by the kept connection, and when that is good for nothing any more by a new one: asking twice changes nothing. */
  async #call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethod & { readonly input: Input; readonly output: Output },
    request: MessageInitShape<Input>,
    signal: AbortSignal,
  ): Promise<MessageShape<Output>> {
    const kept = this.#kept;
    clearTimeout(this.#idle);
    this.#kept = undefined;
    try {
      if (kept !== undefined) return await this.#ask(kept, method, request, signal);
    } catch {
      signal.throwIfAborted();
    }
    return this.#ask(await dial(this.#options), method, request, signal);
  }

  async #ask<Input extends DescMessage, Output extends DescMessage>(
    dialed: Dialed,
    method: DescMethod & { readonly input: Input; readonly output: Output },
    request: MessageInitShape<Input>,
    signal: AbortSignal,
  ): Promise<MessageShape<Output>> {
    try {
      signal.throwIfAborted();
      const answer = await send(dialed, method, create(method.input, request), signal);
      this.#keep(dialed);
      return answer;
    } catch (cause) {
      dialed.client.close();
      signal.throwIfAborted();
      throw fromGrpcError(cause);
    }
  }

  #keep(dialed: Dialed): void {
    this.#kept = dialed;
    this.#idle = setTimeout(() => this.close(), IDLE_MILLIS).unref();
  }
}

function send<Input extends DescMessage, Output extends DescMessage>(
  { client, metadata }: Dialed,
  method: DescMethod & { readonly input: Input; readonly output: Output },
  request: MessageShape<Input>,
  signal: AbortSignal,
): Promise<MessageShape<Output>> {
  const { path, requestSerialize, responseDeserialize } = grpcMethod(method);
  return new Promise((resolve, reject) => {
    const onAbort = () => call.cancel();
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      (cause, answer) => {
        signal.removeEventListener('abort', onAbort);
        if (answer === undefined) reject(cause);
        else resolve(answer);
      },
    );
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function onTheWire({ epoch, serial }: Holding, witness: string) {
  return { epoch: BigInt(epoch), serial: BigInt(serial), witness };
}
