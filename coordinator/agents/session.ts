/**
 * One stream of one agent.
 *
 *   greeting ──hello──▶ accepting ──observer told──▶ serving
 *       └──────────────────┴───────goodbye, error────────┴──▶ ending ──stream closed, or cut──▶ ended
 *
 * From `ending` on the session no longer speaks for the tenant; only its transport is left. There are no timers here:
 * sessions.ts sweeps over all sessions. Time is counted in sweeps, so that a coordinator that itself stood still does
 * not hold its own silence against the agents.
 */
import { isAbort, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { decodeRequest } from '@opencrane/kit/grpc/decode-request.ts';
import type { StreamCall, StreamListener } from '@opencrane/kit/grpc/stream-call.ts';
import {
  type CommandResult,
  type ConnectRequest,
  ConnectRequestSchema,
  type FullState,
  GoodbyeReason,
  type Hello,
  type RuntimeRequest,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { PreparedOffer } from '../offers/offer.ts';
import { bearerToken } from './bearer.ts';
import { agentAway, PendingCommands } from './commands.ts';
import { checkHello, SequenceCheck } from './incoming.ts';
import {
  command,
  goodbye,
  type Order,
  reasonName,
  receiptStored,
  requestFullState,
  runtimeAnswer,
} from './messages.ts';
import {
  type AgentView,
  afterFullState,
  afterReceipt,
  afterSent,
  offersDue,
  takesOtherRuntime,
  viewOf,
} from './offers-due.ts';
import { Outlet } from './outlet.ts';
import { ReceiptIntake } from './receipt-intake.ts';
import type { HostedSession, SessionHost } from './session-host.ts';
import { TaskQueue } from './task-queue.ts';

type Phase = 'greeting' | 'accepting' | 'serving' | 'ending' | 'ended';

/** Messages whose handling may wait before the session stops reading. */
const ENOUGH_TASKS = 8;

/** A session. */
export class Session implements HostedSession, StreamListener {
  readonly id: string;
  readonly #host: SessionHost;
  readonly #call: StreamCall;
  readonly #outlet: Outlet;
  readonly #sequence = new SequenceCheck();
  #phase: Phase = 'greeting';
  #tenant = '';
  #view: AgentView = [];
  #commands: PendingCommands | undefined;
  /** Of the agent's process. */
  #instanceId = '';
  readonly #tasks: TaskQueue;
  readonly #receipts: ReceiptIntake;
  #observed = false;
  #authenticated = false;
  /** A message was asked for and has not come. */
  #asked = false;
  /** The loop that asks for messages is running. */
  #reading = false;
  /** Sweep in which the agent was last heard, or the phase began. */
  #since: number;
  /** Sweeps of silence after which the agent is given up. */
  #patience = 0;
  /** On the monotonic clock: when the stream has served long enough, or its token ends. */
  #until: number;

  constructor(call: StreamCall, host: SessionHost) {
    this.id = host.newId();
    this.#host = host;
    this.#call = call;
    this.#since = host.sweeps();
    this.#until = host.clock.monotonic() + host.age();
    this.#outlet = new Outlet(call, (offer) => this.#onSent(offer));
    this.#tasks = new TaskQueue({ done: () => this.#readOn(), failed: (cause) => this.#onTaskFailed(cause) });
    const letGo = (receiptId: string) => this.#outlet.answer(receiptStored(receiptId));
    this.#receipts = new ReceiptIntake(host, () => this.#tenant, letGo);
    call.listener = this;
    void this.#authenticate();
  }

  get tenant(): string {
    return this.#tenant;
  }

  desire(offers: readonly PreparedOffer[]): void {
    if (this.#phase !== 'serving') return;
    this.#outlet.keepOnly(offers);
    for (const offer of offersDue(this.#view, offers)) {
      this.#view = afterSent(this.#view, offer);
      this.#outlet.offer(offer);
    }
  }

  order(commandId: string, what: Order, signal?: AbortSignal): Promise<CommandResult> {
    if (this.#phase !== 'serving') return Promise.reject(agentAway(this.#tenant, 'is being disconnected'));
    this.#commands ??= new PendingCommands(this.#tenant);
    return this.#commands.order(commandId, () => this.#outlet.answer(command(commandId, what)), signal);
  }

  bye(reason: GoodbyeReason, reconnectAfterMillis: number, error?: OpenCraneError): Promise<void> {
    const isRenewed = reason === GoodbyeReason.MAX_AGE && this.#phase === 'serving';
    const last = () => this.#outlet.end(goodbye(reason, reconnectAfterMillis), error);
    return this.#end(reasonName(reason), last, isRenewed ? reconnectAfterMillis : undefined);
  }

  /** Ends the stream with an error. */
  fail(thrown: unknown): Promise<void> {
    const error = toOpenCraneError(thrown, 'serving an agent');
    const level = error.code === 'internal' ? 'error' : 'info';
    this.#host.log[level]({ err: error, tenant: this.#tenant, session: this.id }, 'an agent’s stream failed');
    return this.#end(error.reason, () => this.#outlet.end(undefined, error));
  }

  sweep(now: number): void {
    const waited = this.#host.sweeps() - this.#since;
    const { helloSweeps, endingSweeps } = this.#host.patience;
    if (this.#phase === 'serving') {
      if (waited > this.#patience) void this.bye(GoodbyeReason.SILENT, this.#host.reconnectAfter());
      else if (this.#due(now)) void this.bye(GoodbyeReason.MAX_AGE, this.#host.reconnectAfter());
    } else if (this.#phase === 'ending') {
      if (waited > endingSweeps) this.#cut();
    } else if (waited > helloSweeps) {
      const what = this.#phase === 'greeting' ? 'no hello came in time' : 'the hello could not be taken in in time';
      void this.fail(new OpenCraneError('deadline_exceeded', 'hello_late', what, { mend: 'connect again' }));
    }
  }

  /** Whether the stream should be renewed. Not while somebody waits for what the agent was told to do: that may take hours. */
  #due(now: number): boolean {
    return now >= this.#until && this.#commands?.open !== true;
  }

  async #authenticate(): Promise<void> {
    try {
      const { tenant, expiresAtMillis } = await this.#host.verifier.verify(bearerToken(this.#call.metadata));
      if (this.#phase !== 'greeting') return;
      this.#tenant = tenant;
      const { clock } = this.#host;
      this.#until = Math.min(this.#until, clock.monotonic() + expiresAtMillis - clock.now());
      this.#authenticated = true;
      this.#readOn();
    } catch (cause) {
      void this.fail(cause);
    }
  }

  onMessage(bytes: Buffer): void {
    this.#asked = false;
    this.#onBytes(bytes);
    this.#readOn();
  }

  onHalfClose(): void {
    void this.#end('closed by the agent', () => this.#outlet.end(undefined));
  }

  onEnd(): void {
    this.#outlet.closed();
    void this.#end('connection lost', () => {});
    this.#phase = 'ended';
    this.#host.closed(this);
  }

  #onBytes(bytes: Buffer): void {
    if (this.#phase === 'ending' || this.#phase === 'ended') return;
    this.#since = this.#host.sweeps();
    try {
      const request = decodeRequest(ConnectRequestSchema, bytes);
      if (this.#phase === 'greeting') this.#greet(request);
      else this.#take(request);
    } catch (cause) {
      void this.fail(cause);
    }
  }

  #greet(request: ConnectRequest): void {
    const hello = checkHello(request, this.#tenant);
    this.#sequence.begin(request.sequence);
    this.#phase = 'accepting';
    this.#tasks.add(() => this.#accept(hello));
  }

  async #accept(hello: Hello): Promise<void> {
    const host = this.#host;
    await host.enter(this);
    if (this.#phase !== 'accepting') return;
    this.#observed = true;
    await host.connected(this.#tenant, hello, this.id);
    if (this.#phase !== 'accepting') return;
    this.#phase = 'serving';
    this.#instanceId = hello.instanceId;
    this.#view = viewOf(hello.capabilities, hello.kinds);
    this.#patience = host.silentSweeps();
    this.#outlet.answer(host.welcome(this.id));
    host.refresh(this);
  }

  #take({ sequence, message }: ConnectRequest): void {
    if (this.#sequence.next(sequence) === 'ask') this.#outlet.answer(requestFullState);
    const { observer } = this.#host;
    if (message.case === 'heartbeat') this.#takeHeartbeat();
    else if (message.case === 'progress') observer.progress(this.#tenant, message.value);
    else if (message.case === 'commandResult') this.#commands?.settle(message.value);
    else if (message.case === 'runtimeRequest') void this.#takeRuntimeRequest(message.value);
    else if (message.case === 'receipt') this.#tasks.add(() => this.#takeReceipt(message.value));
    else if (message.case === 'health') this.#tasks.add(() => observer.health(this.#tenant, message.value));
    else if (message.case === 'fullState') this.#tasks.add(() => this.#takeFullState(message.value));
    else {
      throw new OpenCraneError('invalid_argument', 'hello_twice', 'a stream has one hello, and it comes first', {
        field: 'hello',
        mend: 'open another stream',
      });
    }
  }

  #takeHeartbeat(): void {
    this.#host.observer.heartbeat(this.#tenant);
    if (this.#receipts.isHeldUp) this.#tasks.add(() => this.#receipts.again());
    this.#patience = this.#host.silentSweeps();
    this.#outlet.answer(this.#host.heartbeatAnswer());
  }

  async #takeReceipt(receipt: Receipt): Promise<void> {
    const isOtherRuntime = takesOtherRuntime(this.#view, receipt);
    this.#view = afterReceipt(this.#view, receipt); // whether or not it can be stored
    await this.#receipts.take(receipt);
    if (isOtherRuntime) this.#host.refresh(this);
  }

  async #takeFullState({ kinds, health }: FullState): Promise<void> {
    this.#sequence.answered();
    this.#view = afterFullState(this.#view, kinds);
    if (health !== undefined) await this.#host.observer.health(this.#tenant, health);
    this.#host.refresh(this);
  }

  /** May take as long as a bundle's build, so nothing waits for it. */
  async #takeRuntimeRequest({ requestId, version }: RuntimeRequest): Promise<void> {
    const answer = await this.#host.runtimeRequest(this.#tenant, requestId, version);
    this.#outlet.answer(runtimeAnswer({ requestId, ...answer }));
  }

  /** Asks for one message after the other, while little is left to do and the agent takes its answers. */
  #readOn(): void {
    if (this.#reading) return; // a message came at once: the loop below goes on
    this.#reading = true;
    while (!this.#asked && this.#wantsMore()) {
      this.#asked = true;
      this.#call.read();
    }
    this.#reading = false;
  }

  #wantsMore(): boolean {
    if (this.#phase === 'greeting') return this.#authenticated;
    return this.#phase === 'serving' && this.#tasks.length < ENOUGH_TASKS && !this.#outlet.full;
  }

  #onTaskFailed(cause: unknown): void {
    const gone = cause instanceof OpenCraneError && cause.code === 'not_found';
    if (gone) void this.bye(GoodbyeReason.TENANT_DELETED, 0, cause);
    else if (!isAbort(cause)) void this.fail(cause);
  }

  #onSent(offer: PreparedOffer | undefined): void {
    if (offer !== undefined) this.#host.metrics.offerSent(offer.kind);
    else this.#readOn();
  }

  /** Leaves the tenant, once: a newer session may speak for it from now on. `last` says the last word, `comeAgain` that it asks so. */
  #end(why: string, last: () => void, comeAgain?: number): Promise<void> {
    if (this.#phase === 'ending' || this.#phase === 'ended') return this.#tasks.idle();
    this.#phase = 'ending';
    this.#since = this.#host.sweeps();
    last();
    this.#commands?.abandon();
    const { id: sessionId } = this;
    const asked = { sessionId, instanceId: this.#instanceId, view: this.#view, reconnectAfterMillis: comeAgain ?? 0 };
    this.#host.leave(this, comeAgain === undefined ? undefined : asked);
    this.#host.metrics.streamEnded(why);
    if (comeAgain === undefined && this.#observed) {
      this.#tasks.add(() => this.#host.disconnected(this.#tenant, sessionId, why));
    }
    return this.#tasks.idle();
  }

  #cut(): void {
    this.#host.socketOf(this.#call.peer())?.destroy();
  }
}
