/** Looks at the tenant again and again, and reports the health tree when it changed. */
import { statfs } from 'node:fs/promises';
import { create, equals } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { type Health, HealthSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { isFull } from '../disk-room.ts';
import type { Probes } from '../openclaw/probes.ts';
import { healthTree } from './health-tree.ts';
import type { ProbesSeen, ProcessSeen } from './openclaw-standing.ts';
import type { VaultSeen } from './vault-component.ts';

/** Where observations come from and where the tree goes. */
export type ObserverPorts = {
  readonly agentVersion: string;
  readonly tenantFolder: string;
  readonly gatewayUrl: string;
  /** Undefined while nothing answers within a few seconds. */
  readonly probe: (signal: AbortSignal) => Promise<Probes | undefined>;
  readonly process: () => ProcessSeen | undefined;
  readonly drained: () => boolean;
  readonly vault: () => VaultSeen;
  /** Drifted paths and the digest of what is in effect, as the config watch saw them. */
  readonly config: () => {
    readonly drift: readonly string[];
    readonly effectiveDigest: string;
    /** Why its changes are only found by looking from time to time; empty when they are heard of. */
    readonly unwatched: string;
  };
  /** Told when `startedPid` is another process. */
  readonly onStarted: () => void;
  /** Told when a disk that was full has room again. */
  readonly onRoom: () => void;
  /** How long a start of OpenClaw may take. */
  readonly readyMillis: number;
  readonly report: (health: Health) => void;
  readonly clock: Clock;
  readonly log: Logger;
};

const EVERY_MILLIS = { settled: 5_000, moving: 500 };
/** One answer that is late is no outage: so long what was seen before counts. */
const SILENT_MILLIS = 5_000;

/** What the gateway of one process said last. `at` is on the monotonic clock, `atWall` for people. */
type LastAnswer = { readonly pid: number; readonly probes: Probes; readonly at: number; readonly atWall: number };

/** The loop. */
export class Observer implements Part {
  readonly name = 'observer';
  readonly #ports: ObserverPorts;
  readonly #abort = new AbortController();
  #doing = '';
  #last: Health = create(HealthSchema);
  #startedPid = 0;
  #answer: LastAnswer | undefined;
  #trouble = '';
  #wasFull = false;
  /** Nothing answered at the last look: the next one comes soon. */
  #unanswered = false;
  #woken = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;

  constructor(ports: ObserverPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort('the agent stops');
    this.look();
    await this.#running;
  }

  /** The process of which `/startupz` said that it has started; 0 before it was seen. */
  get startedPid(): number {
    return this.#startedPid;
  }

  /** What was reported last. */
  get health(): Health {
    return this.#last;
  }

  /** Takes note of what the agent does or waits for, and looks at once. */
  doing(what: string): void {
    if (what === this.#doing) return;
    this.#doing = what;
    this.look();
  }

  /** Takes note of why what the agent does fails again and again; empty once it does not. */
  trouble(why: string): void {
    if (why === this.#trouble) return;
    this.#trouble = why;
    this.look();
  }

  /** Looks now instead of at the next turn. */
  look(): void {
    this.#woken.resolve();
  }

  /** Looks now, and resolves when what was seen is reported. */
  async lookAndReport(): Promise<void> {
    try {
      this.#take(await this.#observe(this.#abort.signal));
    } catch (cause) {
      if (!this.#abort.signal.aborted) throw cause;
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      this.#woken = Promise.withResolvers();
      try {
        this.#take(await this.#observe(signal));
      } catch (cause) {
        if (!signal.aborted) this.#ports.log.warn({ err: cause }, 'looking at the tenant failed');
      }
      await this.#rest();
    }
  }

  #take(health: Health): void {
    if (equals(HealthSchema, health, this.#last)) return;
    this.#last = health;
    this.#ports.report(health);
  }

  async #observe(signal: AbortSignal): Promise<Health> {
    const { ports, last } = { ports: this.#ports, last: this.#last };
    const process = ports.process();
    const { probes, silentSince } = await this.#askGateway(process, signal);
    if (process && probes?.started && process.pid !== this.#startedPid) {
      this.#startedPid = process.pid;
      ports.onStarted();
    }
    const { bavail, blocks, bsize } = await statfs(ports.tenantFolder);
    this.#heedRoom(bavail * bsize);
    const { drift, effectiveDigest, unwatched } = ports.config();
    const seen = {
      agentVersion: ports.agentVersion,
      doing: this.#doing,
      trouble: this.#trouble,
      ...(process && { process }),
      ...(probes && { probes }),
      ...(silentSince !== undefined && { silentSince }),
      drained: ports.drained(),
      readyMillis: ports.readyMillis,
      drift,
      configUnwatched: unwatched,
      disk: { freeBytes: bavail * bsize, totalBytes: blocks * bsize },
      vault: ports.vault(),
    };
    return create(HealthSchema, {
      root: healthTree(seen, last.root, ports.clock.now()),
      gatewayUrl: probes?.started ? ports.gatewayUrl : '',
      gatewayPid: BigInt(process?.state === 'running' ? process.pid : 0),
      openclawVersion: probes?.version ?? '',
      effectiveConfigDigest: effectiveDigest,
      drift: [...drift],
    });
  }

  #heedRoom(freeBytes: number): void {
    const was = this.#wasFull;
    this.#wasFull = isFull(freeBytes);
    if (was && !this.#wasFull) this.#ports.onRoom();
  }

  /** Asks the probes. A gateway that has answered and does not any more is silent, and not on its way up. */
  async #askGateway(
    process: ProcessSeen | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly probes?: ProbesSeen; readonly silentSince?: number }> {
    this.#unanswered = false;
    if (process?.state !== 'running') return {};
    const { clock, probe } = this.#ports;
    const { pid } = process;
    const probes = await probe(signal);
    const [at, atWall] = [clock.monotonic(), clock.now()];
    if (probes !== undefined) {
      if (probes.started || this.#answer?.pid === pid) this.#answer = { pid, probes, at, atWall };
      return { probes };
    }
    this.#unanswered = true;
    const answer = this.#answer;
    if (answer?.pid !== pid) return {};
    return at - answer.at < SILENT_MILLIS ? { probes: answer.probes } : { silentSince: answer.atWall };
  }

  async #rest(): Promise<void> {
    // A bucket that is away, or a disk that is nearly full, may stay so for days.
    const state = this.#last.root?.parts.find(({ name }) => name === 'openclaw')?.state;
    const settled = !this.#unanswered && (state === ComponentState.HEALTHY || state === ComponentState.STOPPED);
    const over = new AbortController();
    const slept = this.#ports.clock
      .sleep(settled ? EVERY_MILLIS.settled : EVERY_MILLIS.moving, over.signal)
      .catch(() => {});
    await Promise.race([this.#woken.promise, slept]);
    over.abort();
  }
}
