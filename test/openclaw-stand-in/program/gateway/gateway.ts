/**
 * The gateway from its start to its end.
 *
 *   starting ──▶ started ──SIGTERM or a restart──▶ draining ──no turn runs──▶ exit 0
 */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Build } from '../build.ts';
import { keepLastGood } from '../config/config-file.ts';
import type { Place } from '../place.ts';
import { LiveConfig } from './live-config.ts';
import { answer } from './methods.ts';
import { type Stage, serveHttp } from './probes.ts';
import { Session } from './session.ts';
import { type Prepared, prepare, StartError } from './startup.ts';
import { Suspension } from './suspension.ts';
import { Turns } from './turns.ts';
import { WebSocketConnection } from './websocket.ts';

/** The real one renews its lease so often, and writes nothing else while nobody talks to it. */
const HEARTBEAT_MILLIS = 30_000;
/** What the real one takes after it listens is seconds; this is enough to be seen starting. */
const SIDECARS_MILLIS = 50;
/** How long turns that a host gave up on may still end by themselves (OpenClaw 2026.9.6). */
const INTERRUPTION_MILLIS = 45_000;
const LOOK_MILLIS = 20;

/** Runs one; the process ends with it. */
export async function runGateway(place: Place, build: Build, port: number): Promise<void> {
  try {
    log('gateway', 'loading configuration…');
    const prepared = prepare(place, build);
    process.title = 'openclaw-gateway';
    await new Gateway(place, build, port, prepared).start();
  } catch (cause) {
    if (!(cause instanceof StartError)) throw cause;
    process.stderr.write(`${cause.message}\n`);
    process.exit(cause.exitCode);
  }
}

class Gateway {
  readonly #place: Place;
  readonly #build: Build;
  readonly #port: number;
  readonly #prepared: Prepared;
  readonly #processInstanceId = randomUUID();
  readonly #startedAt = performance.now();
  readonly #sessions = new Set<Session>();
  readonly #config: LiveConfig;
  readonly #turns: Turns;
  readonly #suspension: Suspension;
  #stage: Stage = 'starting';

  constructor(place: Place, build: Build, port: number, prepared: Prepared) {
    this.#place = place;
    this.#build = build;
    this.#port = port;
    this.#prepared = prepared;
    const restart = (reason: string) => void this.#restart(reason);
    this.#config = new LiveConfig({ place, build, log, restart }, prepared.config);
    this.#turns = new Turns({ state: place.state, build, config: () => this.#config.config });
    this.#suspension = new Suspension({
      activeTurns: () => this.#turns.active,
      processInstanceId: this.#processInstanceId,
    });
  }

  async start(): Promise<void> {
    await this.#listen();
    this.#beat();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void this.#stop(signal));
    process.once('SIGUSR2', () => void this.#restart('SIGUSR2'));
    setTimeout(() => this.#serve(), SIDECARS_MILLIS);
  }

  /** Once it could not be written, the lease is renewed no more; the gateway serves on. */
  #beat(): void {
    const isKept = attempt('owner lease heartbeat stopped; process identity remains recorded', () =>
      this.#prepared.database.heartbeat(this.#processInstanceId, this.#port),
    );
    if (isKept) setTimeout(() => this.#beat(), HEARTBEAT_MILLIS).unref();
  }

  #serve(): void {
    if (this.#stage !== 'starting') return; // told to stop meanwhile
    this.#stage = 'started';
    this.#config.watch();
    attempt('the last good configuration is not kept', () => keepLastGood(this.#place, this.#prepared.config));
    log('gateway', 'ready');
  }

  async #listen(): Promise<void> {
    const { version } = this.#build;
    const server = createServer((request, response) => {
      const isDraining = this.#suspension.isPrepared && this.#stage === 'started';
      serveHttp(request, response, {
        stage: isDraining ? 'draining' : this.#stage,
        version,
        startedAt: this.#startedAt,
      });
    });
    // Of an upgrade that the server itself accepted: the socket is one of TCP's.
    server.on('upgrade', (request, socket) => this.#welcome(new WebSocketConnection(request, socket as Socket)));
    await listening(server, this.#port);
  }

  #welcome(connection: WebSocketConnection): void {
    const { config, turns, suspension, port, processInstanceId } = {
      config: this.#config,
      turns: this.#turns,
      suspension: this.#suspension,
      port: this.#port,
      processInstanceId: this.#processInstanceId,
    };
    const methods = { config, turns, suspension, port, processInstanceId, database: this.#prepared.database };
    const session: Session = new Session(connection, {
      version: this.#build.version,
      token: this.#place.token,
      isStarted: () => this.#stage !== 'starting',
      answer: (method, parameters) => answer(methods, method, parameters),
      closed: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
  }

  async #restart(reason: string): Promise<void> {
    if (this.#stage === 'draining') return;
    this.#stage = 'draining';
    log('gateway', `restarting: ${reason}`);
    await this.#drain();
    attempt('the restart is not handed over', () => this.#prepared.database.handOver(reason));
    this.#end();
  }

  async #stop(signal: string): Promise<void> {
    log('gateway', `received ${signal}; shutting down`);
    this.#stage = 'draining';
    if (this.#suspension.mayInterrupt) setTimeout(() => this.#turns.interrupt(), INTERRUPTION_MILLIS).unref();
    await this.#drain();
    this.#end();
  }

  async #drain(): Promise<void> {
    while (this.#turns.active > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS));
  }

  /** The databases stay open to the end: their WAL is there afterwards, as the real one leaves it. */
  #end(): void {
    this.#config.stop();
    for (const session of this.#sessions) session.close(1012, 'service restart');
    attempt('the lease is not given back', () => this.#prepared.database.release());
    attempt('the lock’s owner is not removed', () => this.#prepared.lock.release());
    log('shutdown', 'completed cleanly in 0ms');
    setImmediate(() => process.exit(0)); // the goodbyes are on their way
  }
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new StartError(1, `Gateway failed to start: ${cause.message}`)));
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

/** Does what a disk without room may refuse; whether it did. */
function attempt(otherwise: string, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (cause) {
    log('gateway', `${otherwise}: ${cause}`);
    return false;
  }
}

function log(scope: string, words: string): void {
  process.stdout.write(`${new Date().toISOString()} [${scope}] ${words}\n`);
}
