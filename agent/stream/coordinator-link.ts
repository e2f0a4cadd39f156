/** The agent's one long-lived stream to the coordinator, made anew whenever it ends (link-state.ts has the transitions). */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Digest } from '@opencrane/kit/digest.ts';
import { messageOf } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type {
  Command,
  ConnectResponse,
  Health,
  HelloSchema,
  Offer,
  RuntimeAnswer,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Progress, Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { AgentStream } from './agent-stream.ts';
import { sendArchive } from './archive-sender.ts';
import { type BlobPiece, readBlob } from './blob-reader.ts';
import { done, failed, type ResultInit } from './command-result.ts';
import { type Dialed, dial } from './dial.ts';
import { type Ending, type LinkState, onDial, onLost, onWelcome } from './link-state.ts';
import { Outbox } from './outbox.ts';
import type { ReceiptLog } from './receipt-log.ts';
import { WaitingRequests } from './runtime-requests.ts';

/** What the link needs from the rest of the agent. */
export type CoordinatorLinkOptions = {
  /** `host:port` of the coordinator's agent port. */
  readonly address: string;
  /** Holds the bearer token; read at every connect, because tokens are short-lived. */
  readonly tokenFile: string;
  /** Who the agent is and what it serves now; asked at every connect and when the coordinator wants the full state. */
  readonly hello: () => MessageInitShape<typeof HelloSchema>;
  /** Receipts wait here until the coordinator has stored them. */
  readonly receiptLog: ReceiptLog;
  readonly onOffer: (offer: Offer) => void;
  /** Does what the coordinator orders, and gives what a VaultCommand gave; what it throws is reported as the command's error. */
  readonly onCommand: (command: Command) => Promise<void> | Promise<VaultResult>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Random ids of at least 8 characters. */
  readonly newId: () => string;
  readonly log: Logger;
};

/** The link. Runs from `start` to `stop`, reconnecting by itself; everything else only leaves word. */
export class CoordinatorLink implements Part {
  readonly name = 'coordinator-link';
  readonly #options: CoordinatorLinkOptions;
  readonly #outbox = new Outbox();
  readonly #requests: WaitingRequests;
  readonly #stopping = new AbortController();
  #state: LinkState = { is: 'stopped' };
  #stream: AgentStream | undefined;
  #running: Promise<void> | undefined;

  constructor(options: CoordinatorLinkOptions) {
    this.#options = options;
    this.#requests = new WaitingRequests(options.clock);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort('the agent stops');
    this.#stream?.close('the agent stops');
    this.#requests.abandon();
    await this.#running;
  }

  /** Whether the coordinator has accepted the current stream. */
  get connected(): boolean {
    return this.#state.is === 'connected';
  }

  /** Tells the newest health; an older one that has not gone out yet is dropped. */
  reportHealth(health: Health): void {
    this.#outbox.health(health);
    this.#stream?.pump();
  }

  /** Tells the newest progress; an older one that has not gone out yet is dropped. */
  reportProgress(progress: Progress): void {
    this.#outbox.progress(progress);
    this.#stream?.pump();
  }

  /** Tells what serves when it is not what the hello said. */
  tellState(): void {
    this.#outbox.fullState();
    this.#stream?.pump();
  }

  /** Sends a receipt; it is on disk when this returns, and is sent until the coordinator has stored it. */
  sendReceipt(receipt: Receipt): void {
    try {
      this.#options.receiptLog.keep(receipt);
    } catch (cause) {
      this.#options.log.error({ err: cause }, 'a receipt could not be written to disk; it is kept in memory');
    }
    this.#outbox.receipt(receipt);
    this.#stream?.pump();
  }

  /** Asks for another OpenClaw version. Survives reconnects; throws `unavailable` when the coordinator stays out of reach. */
  requestRuntime(version: string, signal: AbortSignal): Promise<RuntimeAnswer> {
    const request = { requestId: this.#options.newId(), version };
    const answer = this.#requests.wait(request, () => this.connected, signal);
    this.#outbox.request(request);
    this.#stream?.pump();
    return answer;
  }

  /** Reads a blob from an offset on. Throws `unavailable` when the connection is cut, `not_found` when there is none. */
  readBlob(digest: Digest, offset: number, signal: AbortSignal): AsyncIterable<BlobPiece> {
    return readBlob(this.#options, digest, offset, signal);
  }

  /**
   * Sends the archive that a command asked for, at the pace of whoever asked; resolves when everything was taken. Throws
   * `aborted` when nobody waits for it any more, `unavailable` when the connection is cut, and what the pieces throw.
   */
  sendArchive(commandId: string, pieces: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    const stopping = this.#stopping.signal;
    return sendArchive(this.#options, commandId, pieces, signal ? AbortSignal.any([signal, stopping]) : stopping);
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#state = onDial(this.#state);
      const ending = await this.#serve();
      if (this.#stopping.signal.aborted) break;
      this.#state = onLost(this.#state, ending, clock.monotonic(), random);
      const waitMillis = this.#state.is === 'waiting' ? this.#state.waitMillis : 0;
      log.info({ why: ending.why, waitMillis: Math.round(waitMillis) }, 'the stream to the coordinator ended');
      await clock.sleep(waitMillis, this.#stopping.signal).catch(() => {});
    }
    this.#state = { is: 'stopped' };
  }

  /** One stream, from dialing to its end. */
  async #serve(): Promise<Ending> {
    let dialed: Dialed;
    try {
      dialed = await dial(this.#options);
    } catch (cause) {
      return { why: messageOf(cause) };
    }
    const { hello, receiptLog, clock } = this.#options;
    this.#outbox.restart(receiptLog.pending(), this.#requests.all());
    this.#stream = new AgentStream(dialed, {
      hello,
      next: () => this.#outbox.take(() => hello().kinds),
      onWelcome: () => this.#onWelcome(),
      onMessage: (message) => this.#onMessage(message),
      onBeat: () => this.#outbox.heartbeat({ agentRssBytes: BigInt(process.memoryUsage.rss()) }),
      clock,
    });
    if (this.#stopping.signal.aborted) this.#stream.close('the agent stops');
    const ending = await this.#stream.ended;
    this.#stream = undefined;
    return ending;
  }

  #onWelcome(): void {
    this.#state = onWelcome(this.#state, this.#options.clock.monotonic());
    this.#options.log.info({ address: this.#options.address }, 'connected to the coordinator');
  }

  #onMessage(message: ConnectResponse['message']): void {
    if (message.case === 'offer') this.#guard('taking an offer', () => this.#options.onOffer(message.value));
    else if (message.case === 'command') void this.#obey(message.value);
    else if (message.case === 'receiptStored') this.#onStored(message.value.receiptId);
    else if (message.case === 'runtimeAnswer') this.#requests.answer(message.value);
    else if (message.case === 'requestFullState') this.tellState();
  }

  #onStored(receiptId: string): void {
    this.#guard('letting a stored receipt go', () => this.#options.receiptLog.stored(receiptId));
  }

  /** The result goes to the stream that brought the command, or nowhere: another one does not know of it. */
  async #obey(command: Command): Promise<void> {
    const stream = this.#stream;
    const result = await this.#carryOut(command);
    if (stream !== this.#stream) return;
    this.#outbox.result(result);
    stream?.pump();
  }

  async #carryOut(command: Command): Promise<ResultInit> {
    try {
      return done(command.commandId, (await this.#options.onCommand(command)) ?? undefined);
    } catch (cause) {
      return failed(command.commandId, cause);
    }
  }

  /** What the rest of the agent throws must not end the stream. */
  #guard(doing: string, work: () => void): void {
    try {
      work();
    } catch (cause) {
      this.#options.log.error({ err: cause }, `${doing} failed`);
    }
  }
}
