/** An OpenClaw in a folder of its own, started with the environment and arguments that OpenCrane starts it with. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TenantFolders, tenantFolders } from '@opencrane/agent/folders.ts';
import { type CommandResult, killGroup, runOpenClaw } from '@opencrane/agent/openclaw/command.ts';
import { shareCompileCache } from '@opencrane/agent/openclaw/compile-cache.ts';
import { commandEnvironment, gatewayProcess, nodeFlags, openclawEntry } from '@opencrane/agent/openclaw/environment.ts';
import { awaitFact, NeverError } from '@opencrane/kit/testing/await-fact.ts';
import { freePort } from '../fixtures/free-port.ts';
import { openclawRuntime } from '../fixtures/openclaw-runtime.ts';
import type { OpenClawKind } from '../fixtures/openclaw-under-test.ts';
import { versions } from '../fixtures/runtime-seed.ts';
import { RawGateway } from './raw-gateway.ts';

const token = 'a-token-that-only-the-contract-knows';
const COMMAND_MILLIS = 180_000;
/** The real one takes 6 to 9 s on a quiet machine. */
const START_MILLIS = 300_000;

/** How a process ended. */
type End = { readonly code: number | null; readonly signal: NodeJS.Signals | null };
/** What a path of the gateway answers. */
export type Page = { readonly status: number; readonly type: string; readonly text: string };

/** A gateway that was started. */
export type RunningGateway = {
  readonly pid: number;
  readonly ended: Promise<End>;
  readonly output: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
};

/** The OpenClaw. */
export class Subject {
  readonly folders: TenantFolders;
  readonly token = token;
  readonly port: number;
  readonly #runtimes: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;

  private constructor(within: string, port: number, runtimes: Readonly<Record<string, string>>) {
    this.folders = tenantFolders(mkdtempSync(join(within, 'oc-')));
    this.port = port;
    this.#runtimes = runtimes;
    for (const folder of [this.folders.state, this.folders.logs, this.folders.tmp, join(this.folders.state, 'home')]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
  }

  static async make(kind: OpenClawKind, within = tmpdir()): Promise<Subject> {
    const each = Object.values(versions).map(async (version) => [version, await openclawRuntime(version, kind)]);
    return new Subject(within, await freePort(), Object.fromEntries(await Promise.all(each)));
  }

  /** OpenClaw's configuration file. */
  get configFile(): string {
    return join(this.folders.state, 'openclaw.json');
  }

  /** What OpenCrane writes for it before its first start, and more. */
  configuration(more: object = {}): object {
    const gateway = {
      mode: 'local',
      bind: 'loopback',
      port: this.port,
      auth: { mode: 'token', token: '$' + '{OPENCLAW_GATEWAY_TOKEN}' },
      reload: { mode: 'hybrid' },
    };
    const logging = { file: '$' + '{OPENCRANE_OPENCLAW_LOG}' };
    return { gateway, update: { checkOnStart: false }, logging, ...more };
  }

  /** Writes the configuration file, a document or any text. */
  write(content: object | string): void {
    const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`;
    writeFileSync(this.configFile, text, { mode: 0o600 });
  }

  /** The configuration file's document, which must be plain JSON. */
  read(): Record<string, unknown> {
    return JSON.parse(readFileSync(this.configFile, 'utf8'));
  }

  /** Starts a gateway and remembers it, to end it with everything else. */
  start(version: string = versions.current): RunningGateway {
    const { child, ...gateway } = this.#spawn(version);
    this.#child = child;
    return gateway;
  }

  /** Starts a second one while the first runs; it must end by itself. */
  startBeside(): RunningGateway {
    return this.#spawn(versions.current);
  }

  #spawn(version: string): RunningGateway & { readonly child: ChildProcess } {
    shareCompileCache(this.#runtime(version), this.folders.tmp);
    const { environment, arguments: args } = gatewayProcess(this.folders, this.port, process.env);
    const child = spawn(process.execPath, [...nodeFlags, openclawEntry(this.#runtime(version)), ...args], {
      cwd: this.folders.state,
      env: { ...environment, OPENCLAW_GATEWAY_TOKEN: token },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const { pid } = child;
    if (pid === undefined) throw new Error('OpenClaw could not be spawned');
    const ended = new Promise<End>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
    return { child, pid, ended, output: () => output, kill: (signal) => void process.kill(pid, signal) };
  }

  /** Starts one and waits until it says that it has started. */
  async started(version: string = versions.current): Promise<RunningGateway> {
    const gateway = this.start(version);
    const child = this.#child;
    await awaitFact(
      `OpenClaw ${version} has started`,
      async () => {
        if (child?.exitCode !== null) throw new NeverError(`it ended: ${gateway.output().slice(-1_500)}`);
        return (await this.page('/startupz')).status === 200;
      },
      { everyMillis: 20, withinMillis: START_MILLIS },
    );
    return gateway;
  }

  async page(path: string, init: RequestInit = {}): Promise<Page> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, init);
    const type = response.headers.get('content-type') ?? '';
    return { status: response.status, type, text: await response.text() };
  }

  signIn(): Promise<RawGateway> {
    return RawGateway.signedIn(this.port, token);
  }

  /** Runs one of OpenClaw's commands. */
  command(
    args: readonly string[],
    { version = versions.current as string, environment = {} as Readonly<Record<string, string>> } = {},
  ): Promise<CommandResult> {
    return runOpenClaw({
      runtimeDirectory: this.#runtime(version),
      arguments: args,
      environment: { ...commandEnvironment(this.folders, this.port, token, process.env), ...environment },
      folder: this.folders.tmp,
      timeoutMillis: COMMAND_MILLIS,
    });
  }

  /** A look into one of its databases. */
  look<T>(path: string, use: (database: DatabaseSync) => T): T {
    const database = new DatabaseSync(join(this.folders.state, path), { readOnly: true, timeout: 5_000 });
    try {
      return use(database);
    } finally {
      database.close();
    }
  }

  /** Ends whatever runs, at once. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    const hasEnded = child.exitCode !== null || child.signalCode !== null;
    killGroup(child.pid);
    if (!hasEnded) await ended;
  }

  /** Ends whatever runs, and takes everything away. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folders.data, { recursive: true, force: true, maxRetries: 5 });
  }

  #runtime(version: string): string {
    const folder = this.#runtimes[version];
    if (folder === undefined) throw new Error(`no OpenClaw ${version} is here`);
    return folder;
  }
}
