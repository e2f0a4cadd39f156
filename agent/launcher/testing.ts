/** Real launchers, each in a folder of its own, with a small program that stands for OpenClaw. For tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { enumName } from '@opencrane/kit/enum-name.ts';
import {
  type LauncherState,
  LauncherStateSchema,
  type LauncherStatus,
} from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import { tenantFolders } from '../folders.ts';
import { openclawEntry } from '../openclaw/environment.ts';
import { LauncherClient } from './client.ts';
import type { HoldTime } from './hold.ts';
import { processIdentity } from './process-identity.ts';

/** `gentle` ends when it is told to, `stubborn` does not, `busy` never hears of it. Each leaves a child behind. */
const program = `
  import { spawn } from 'node:child_process';
  import { writeFileSync } from 'node:fs';
  const [how] = process.argv.slice(2);
  const orphan = 'setInterval(() => process.ppid === ' + process.pid + ' || process.exit(), 10000)'; // none outlives the test
  const child = spawn(process.execPath, ['-e', orphan], { stdio: 'ignore' });
  writeFileSync('child.pid', String(child.pid));
  process.on('SIGTERM', () => {
    console.error('terminated');
    if (how === 'gentle') process.exit(0);
  });
  console.error('up');
  setInterval(() => {}, 1000);
  while (how === 'busy') {}
`;

/** A tenant's folder, the program, and a launcher for them. */
export class LauncherHome {
  readonly folders = tenantFolders(mkdtempSync(join(tmpdir(), 'oc-launcher-')));
  readonly client = new LauncherClient(this.folders);
  readonly #runtime = join(this.folders.data, 'runtime');
  #launcher: ChildProcess | undefined;

  private constructor() {
    for (const name of ['state', 'secrets', 'logs'] as const) mkdirSync(this.folders[name], { mode: 0o700 });
    writeFileSync(this.folders.gatewayToken, 'token', { mode: 0o600 });
    const entry = openclawEntry(this.#runtime);
    mkdirSync(dirname(entry), { recursive: true });
    writeFileSync(entry, program);
  }

  /** Makes one whose launcher runs. */
  static async make(): Promise<LauncherHome> {
    const home = new LauncherHome();
    await home.launch();
    return home;
  }

  /** Starts a launcher, and waits until it has decided whether to go on with what the one before it ran. */
  async launch(): Promise<void> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
      env: { ...process.env, OPENCRANE_TENANT: 'jente', OPENCRANE_DATA: this.folders.data, OPENCRANE_DRAIN_MS: '1000' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#launcher = child;
    for await (const line of createInterface(child.stdout)) if (line.includes('launcher ready')) break;
    child.stdout.resume();
  }

  signalLauncher(signal: NodeJS.Signals): void {
    this.#launcher?.kill(signal);
  }

  /** Starts the program; resolves with its pid and its child's when both are up. */
  async start(how: 'gentle' | 'stubborn' | 'busy', hold?: HoldTime): Promise<readonly number[]> {
    const ups = this.#said('up');
    const pid = await this.client.start({ runtimeDirectory: this.#runtime, version: '1', arguments: [how] }, hold);
    await fact('the program is up', () => this.#said('up') > ups);
    return [pid, Number(readFileSync(join(this.folders.state, 'child.pid'), 'utf8'))];
  }

  /** How often the program was told to end. */
  get terminations(): number {
    return this.#said('terminated');
  }

  #said(word: string): number {
    return readFileSync(this.folders.openclawLog, { encoding: 'utf8', flag: 'a+' }).split(word).length - 1;
  }

  /** The status once the launcher is in this state. */
  reached(state: LauncherState): Promise<LauncherStatus> {
    return fact(`the launcher is ${enumName(LauncherStateSchema, state)}`, async () => {
      const status = await this.client.status();
      return status.state === state && status;
    });
  }

  remove(): void {
    this.#launcher?.kill('SIGKILL'); // its OpenClaw goes with it
    rmSync(this.folders.data, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Looks until it is so. */
async function fact<T>(what: string, look: () => Promise<T | false> | T | false): Promise<T> {
  for (let looks = 0; looks < 1_500; looks += 1) {
    const seen = await look();
    if (seen !== false) return seen;
    await sleep(20);
  }
  throw new Error(`it never came to be: ${what}`);
}

/** Whether a process lives. Zombies do not: their parent may stand still. */
export function isAlive(pid: number): boolean {
  return processIdentity(pid) !== undefined;
}

/** Waits until none of them lives. */
export function gone(pids: readonly number[]): Promise<boolean> {
  return fact(`${pids.join(' and ')} are gone`, () => !pids.some(isAlive));
}
