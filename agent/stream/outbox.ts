/**
 * What waits to be said to the coordinator. State is coalesced: of health and progress only the newest goes out.
 * Receipts, command results and requests go out each, in order.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ConnectRequestSchema,
  Health,
  Heartbeat,
  RuntimeRequest,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Progress, Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { ResultInit } from './command-result.ts';

/** A message for the stream; its sequence number is given when it leaves. */
export type OutgoingMessage = NonNullable<MessageInitShape<typeof ConnectRequestSchema>['message']>;

/** Answers what serves now, for a full state. */
export type SnapshotKinds = () => Extract<OutgoingMessage, { case: 'fullState' }>['value']['kinds'];

type Asked = Pick<RuntimeRequest, 'requestId' | 'version'>;

/** The outbox. */
export class Outbox {
  #results: ResultInit[] = [];
  #receipts: Receipt[] = [];
  #requests: Asked[] = [];
  #fullState = false;
  #lastHealth: Health | undefined;
  #healthWaits = false;
  #progress: Progress | undefined;
  #heartbeat: Pick<Heartbeat, 'agentRssBytes'> | undefined;

  /** A new stream begins: what the coordinator may not have is said again; what was meant for the old stream is dropped. */
  restart(receipts: readonly Receipt[], requests: readonly Asked[]): void {
    this.#receipts = [...receipts];
    this.#requests = [...requests];
    this.#results = [];
    this.#fullState = false;
    this.#heartbeat = undefined;
    this.#healthWaits = this.#lastHealth !== undefined;
  }

  receipt(receipt: Receipt): void {
    this.#receipts.push(receipt);
  }

  result(result: ResultInit): void {
    this.#results.push(result);
  }

  request(request: Asked): void {
    this.#requests.push(request);
  }

  health(health: Health): void {
    this.#lastHealth = health;
    this.#healthWaits = true;
  }

  progress(progress: Progress): void {
    this.#progress = progress;
  }

  heartbeat(heartbeat: Pick<Heartbeat, 'agentRssBytes'>): void {
    this.#heartbeat = heartbeat;
  }

  fullState(): void {
    this.#fullState = true;
  }

  /** Takes out what goes next: what somebody waits for before what is only interesting. */
  take(kinds: SnapshotKinds): OutgoingMessage | undefined {
    const result = this.#results.shift();
    if (result !== undefined) return { case: 'commandResult', value: result };
    const receipt = this.#receipts.shift();
    if (receipt !== undefined) return { case: 'receipt', value: receipt };
    const request = this.#requests.shift();
    if (request !== undefined) return { case: 'runtimeRequest', value: request };
    return this.#takeState(kinds);
  }

  #takeState(kinds: SnapshotKinds): OutgoingMessage | undefined {
    const health = this.#lastHealth;
    if (this.#fullState) {
      this.#fullState = false;
      this.#healthWaits = false;
      return { case: 'fullState', value: { ...(health && { health }), kinds: kinds() ?? [] } };
    }
    if (this.#healthWaits && health !== undefined) {
      this.#healthWaits = false;
      return { case: 'health', value: health };
    }
    if (this.#progress !== undefined) {
      const value = this.#progress;
      this.#progress = undefined;
      return { case: 'progress', value };
    }
    const beat = this.#heartbeat;
    this.#heartbeat = undefined;
    return beat && { case: 'heartbeat', value: beat };
  }
}
