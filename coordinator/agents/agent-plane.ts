/** The agent plane: the gRPC server that every agent holds one stream to. */
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';
import { jitter } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import { grpcMethod, grpcServerDefinition } from '@opencrane/kit/grpc/service-definition.ts';
import { type StreamCall, takeStreams } from '@opencrane/kit/grpc/stream-call.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { Registry } from '@opencrane/kit/metrics.ts';
import {
  AgentService,
  type CommandResult,
  ConnectResponseSchema,
  GoodbyeReason,
  type SendArchiveResponse,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { AgentCommands } from '../tenants/ports.ts';
import type { ExportOrder, VaultAgents, VaultOrder } from '../vault/ports.ts';
import { Admission } from './admission.ts';
import { type ArchiveCall, takeArchive } from './archive-calls.ts';
import { Archives } from './archives.ts';
import { type BlobCall, BlobCalls } from './blob-calls.ts';
import { agentAway } from './commands.ts';
import { heartbeatIntervalMillis, silenceMillis, silentConnectionMillis } from './heartbeats.ts';
import { type AgentPlaneLimits, defaultLimits, grpcOptions } from './limits.ts';
import { Listener } from './listener.ts';
import { goodbye, type Order, welcome } from './messages.ts';
import { agentMetrics } from './metrics.ts';
import { OfferDispatch } from './offer-dispatch.ts';
import { Outlet } from './outlet.ts';
import type { AgentObserver, AgentTokenVerifier, BlobSource, DesiredState, LeaseWitness } from './ports.ts';
import { Renewals } from './renewals.ts';
import { RuntimeRequests } from './runtime-requests.ts';
import { Session } from './session.ts';
import type { SessionHost } from './session-host.ts';
import { Sessions, SWEEP_MILLIS } from './sessions.ts';
import { witnessCalls } from './witness-calls.ts';

/** What the agent plane needs. */
export type AgentPlaneOptions = {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly desired: DesiredState;
  readonly observer: AgentObserver;
  readonly verifier: AgentTokenVerifier;
  readonly blobs: BlobSource;
  readonly witness: LeaseWitness;
  readonly registry: Registry;
  readonly log: Logger;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
  readonly limits?: Partial<AgentPlaneLimits>;
};

/** Serves agents from `start` to `stop`. */
export class AgentPlane implements Part, AgentCommands, VaultAgents {
  readonly name = 'agent-plane';
  readonly #options: AgentPlaneOptions;
  readonly #limits: AgentPlaneLimits;
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #sessions: Sessions;
  readonly #dispatch: OfferDispatch;
  readonly #admission: Admission;
  readonly #archives = new Archives();
  readonly #renewals: Renewals;
  readonly #stopping = new AbortController();
  readonly #host: SessionHost;
  #address = '';
  #longestInterval = 0;
  #unsubscribe = () => {};
  #sweeping: Promise<void> | undefined;

  constructor(options: AgentPlaneOptions) {
    this.#options = options;
    const { clock, random, log, verifier, blobs, witness, observer, registry } = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#sessions = new Sessions(clock, () => this.#reconnectAfter());
    const metrics = agentMetrics(registry, () => this.#sessions.count);
    this.#renewals = new Renewals({
      helloMillis: this.#limits.helloMillis,
      monotonic: () => clock.monotonic(),
      disconnected: (tenant, sessionId, why) => this.#host.disconnected(tenant, sessionId, why),
    });
    this.#dispatch = new OfferDispatch(options.desired, log);
    this.#admission = new Admission(this.#limits.admission, clock, random);
    const connect = takeStreams(grpcMethod(AgentService.method.connect).path, (call) => this.#connect(call));
    this.#server = new Server({ ...grpcOptions(this.#limits), interceptors: [connect] });
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#listener = new Listener((socket) => injector.injectConnection(socket));
    this.#host = this.#makeHost(metrics, new RuntimeRequests(observer, log));
    const { blobReaders: concurrency, blobStallMillis: stallMillis } = this.#limits;
    const cut = (peer: string) => this.#listener.socketOf(peer)?.destroy();
    const blobCalls = new BlobCalls({ verifier, blobs, log, clock, concurrency, stallMillis, cut });
    const archiveCalls = { verifier, log, archives: this.#archives };
    this.#server.addService(grpcServerDefinition(AgentService), {
      ReadBlob: (call: BlobCall) => {
        this.#listener.asked(call.getPeer());
        void blobCalls.serve(call);
      },
      SendArchive: (call: ArchiveCall, respond: sendUnaryData<SendArchiveResponse>) => {
        this.#listener.asked(call.getPeer());
        void takeArchive(archiveCalls, call, respond);
      },
      ...witnessCalls({ verifier, witness, log, asked: (peer) => this.#listener.asked(peer) }),
    });
  }

  /** `host:port`, once started. */
  address(): string {
    return this.#address;
  }

  /** Streams that are open, those included that say hello or goodbye. */
  get openStreams(): number {
    return this.#sessions.open;
  }

  async start(): Promise<void> {
    const { host, port, desired, clock } = this.#options;
    this.#address = await this.#listener.listen(host, port);
    this.#unsubscribe = desired.onChange((tenants) => {
      for (const session of this.#sessions.select(tenants)) this.#dispatch.refresh(session);
    });
    this.#sweeping = this.#sessions.sweepUntil(this.#stopping.signal, () => {
      this.#dispatch.retry();
      this.#renewals.sweep(clock.monotonic());
      // Never shorter again: an agent goes by the interval it was told last, however few there are since.
      this.#longestInterval = Math.max(this.#longestInterval, heartbeatIntervalMillis(this.#sessions.count));
      const { silentConnectionMillis: least, endingMillis, helloMillis } = this.#limits;
      const silence = inSweeps(silentConnectionMillis(this.#longestInterval, least, endingMillis));
      this.#listener.sweep(silence, inSweeps(helloMillis));
    });
  }

  /** Takes no new agents, says goodbye to those there are, in batches, and cuts off who has not left in time. */
  async stop(hurry: AbortSignal): Promise<void> {
    this.#stopping.abort('the agent plane stops');
    this.#unsubscribe();
    this.#listener.close();
    await this.#sweeping;
    await this.#sayGoodbye(hurry);
    await this.#renewals.stop();
    await this.#listener.cutAll();
    this.#server.forceShutdown();
  }

  async restart(tenant: string, signal?: AbortSignal): Promise<void> {
    await this.#order(tenant, { case: 'restart', value: {} }, signal);
  }

  /** Drains and stops the tenant's OpenClaw; resolves when its agent has done it. Throws like `restart`. */
  async drain(tenant: string, signal?: AbortSignal): Promise<void> {
    await this.#order(tenant, { case: 'drain', value: {} }, signal);
  }

  async vault(tenant: string, command: VaultOrder, signal?: AbortSignal): Promise<VaultResult> {
    return vaultResult(tenant, await this.#order(tenant, { case: 'vault', value: { command } }, signal));
  }

  async *exportFiles(tenant: string, files: ExportOrder, signal: AbortSignal): AsyncGenerator<Uint8Array, VaultResult> {
    const commandId = this.#options.newId();
    const order = { case: 'vault', value: { command: { case: 'export', value: files } } } as const;
    const awaited = {
      tenant,
      commandId,
      order: (either: AbortSignal) => this.#order(tenant, order, either, commandId),
    };
    return vaultResult(tenant, yield* this.#archives.receive(awaited, signal));
  }

  async #order(
    tenant: string,
    what: Order,
    signal: AbortSignal | undefined,
    commandId = this.#options.newId(),
  ): Promise<CommandResult> {
    await this.#renewals.settled(tenant, signal); // its stream is being renewed: that is a matter of seconds
    const session = this.#sessions.ofTenant(tenant);
    if (session === undefined) throw agentAway(tenant, 'is not connected');
    return session.order(commandId, what, signal);
  }

  #connect(call: StreamCall): void {
    this.#listener.asked(call.peer());
    const answer = this.#admission.ask();
    if (this.#stopping.signal.aborted) turnAway(call, GoodbyeReason.SHUTDOWN, this.#reconnectAfter());
    else if (answer.admitted) this.#sessions.add(new Session(call, this.#host));
    else {
      const error = new OpenCraneError('resource_exhausted', 'too_many_connects', 'too many agents connect at once', {
        mend: `connect again in ${answer.retryAfterMillis} ms`,
      });
      turnAway(call, GoodbyeReason.OVERLOADED, answer.retryAfterMillis, error);
      this.#host.metrics.streamEnded('overloaded');
    }
  }

  async #sayGoodbye(hurry: AbortSignal): Promise<void> {
    const { batch, pauseMillis, graceMillis } = this.#limits.drain;
    const { clock } = this.#options;
    const all = this.#sessions.all();
    const told: Promise<void>[] = [];
    for (let at = 0; at < all.length && !hurry.aborted; at += batch) {
      if (at > 0) await clock.sleep(pauseMillis, hurry).catch(() => {});
      for (const session of all.slice(at, at + batch)) {
        told.push(session.bye(GoodbyeReason.SHUTDOWN, this.#reconnectAfter()));
      }
    }
    const over = new AbortController();
    const grace = clock.sleep(graceMillis, AbortSignal.any([over.signal, hurry])).catch(() => {});
    await Promise.race([Promise.all([...told, this.#sessions.empty()]), grace]);
    over.abort();
    await grace;
  }

  /** Spread over the time that letting everyone in again will take. */
  #reconnectAfter(): number {
    const spread = Math.max(2_000, (this.#sessions.count / this.#limits.admission.perSecond) * 1000);
    return 500 + this.#options.random() * spread;
  }

  #makeHost(metrics: SessionHost['metrics'], requests: RuntimeRequests): SessionHost {
    const { verifier, observer, clock, log, random, newId } = this.#options;
    const limits = this.#limits;
    const sessions = this.#sessions;
    const heartbeatMillis = () => heartbeatIntervalMillis(sessions.count);
    let welcomes = welcomesAt(0);
    const current = () => {
      const interval = heartbeatMillis();
      if (interval !== welcomes.interval) welcomes = welcomesAt(interval);
      return welcomes;
    };
    return {
      verifier,
      observer,
      metrics,
      clock,
      log,
      patience: { helloSweeps: inSweeps(limits.helloMillis), endingSweeps: inSweeps(limits.endingMillis) },
      newId,
      sweeps: () => sessions.sweeps,
      age: () => jitter(limits.maxAgeMillis, 0.1, random),
      reconnectAfter: () => this.#reconnectAfter(),
      welcome: (sessionId) => current().toHello(sessionId),
      heartbeatAnswer: () => current().toHeartbeat,
      silentSweeps: () => inSweeps(silenceMillis(heartbeatMillis())),
      enter: (session) => sessions.enter(session),
      leave: (session, asked) => {
        this.#dispatch.forget(session);
        sessions.leave(session);
        if (asked !== undefined) this.#renewals.begin(session.tenant, asked);
      },
      connected: async (tenant, hello, sessionId) => {
        if (await this.#renewals.hello(tenant, hello)) observer.renewed(tenant, sessionId);
        else await observer.connected(tenant, hello, sessionId);
      },
      disconnected: async (tenant, sessionId, why) => {
        try {
          await observer.disconnected(tenant, sessionId, why);
        } catch (cause) {
          log.error({ err: cause, tenant }, 'telling that an agent disconnected failed');
        }
      },
      closed: (session) => sessions.closed(session),
      refresh: (session) => {
        this.#renewals.end(session.tenant);
        this.#dispatch.refresh(session);
      },
      runtimeRequest: (tenant, requestId, version) => requests.decide(tenant, requestId, version),
      socketOf: (peer) => this.#listener.socketOf(peer),
    };
  }
}

function inSweeps(millis: number): number {
  return Math.ceil(millis / SWEEP_MILLIS);
}

function vaultResult(tenant: string, { vault }: CommandResult): VaultResult {
  if (vault !== undefined) return vault;
  const what = `the agent of ${tenant} has done what was ordered, and did not say what came of it`;
  throw new OpenCraneError('internal', 'result_missing', what, { mend: "see the tenant's logs, and report it" });
}

/** What is answered while this interval holds, serialised once. */
function welcomesAt(interval: number) {
  const toHello = Encoded.template(ConnectResponseSchema, (sessionId) => welcome(sessionId, interval));
  return { interval, toHello, toHeartbeat: Encoded.from(ConnectResponseSchema, welcome('', interval)) };
}

/** Ends a stream before it has a session. */
function turnAway(call: StreamCall, reason: GoodbyeReason, reconnectAfterMillis: number, error?: OpenCraneError): void {
  new Outlet(call, () => {}).end(goodbye(reason, reconnectAfterMillis), error);
}
