/** What a piece of work cost: time, processor and memory of a process and of all that it starts. Linux: reads /proc. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { childrenOf, isOnlyForked, privateBytes, residentBytes } from '../../fixtures/processes.ts';

/** What was measured. */
export type Measured = {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** The most that the processes had resident together, as seen every 20 ms. A program that several run counts once. */
  readonly peakBytes: number;
};

const LOOK_MILLIS = 20;
/** Clock ticks of /proc a second; the same on every Linux that Node runs on. */
const TICKS = 100;

/** Watches the memory of a process and its children. */
export class MemoryWatch {
  readonly #timer: NodeJS.Timeout;
  #peak = 0;

  constructor(pid: number) {
    const look = () => {
      this.#peak = Math.max(this.#peak, residentTogether(family(pid)));
    };
    this.#timer = setInterval(look, LOOK_MILLIS);
    look();
  }

  /** The most that was seen. */
  end(): number {
    clearInterval(this.#timer);
    return this.#peak;
  }
}

/** Processor seconds of a process and its children so far, with those that ended. */
export function cpuSeconds(pid: number): number {
  return family(pid).reduce((sum, one) => sum + ticksOf(one), 0) / TICKS;
}

/** Runs a program to its end. Its processor time is the kernel's own account, as a shell tells it. */
export async function runMeasured(
  command: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly afterwards?: string;
  } = {},
): Promise<Measured> {
  const { cwd, env, afterwards = 'true' } = options;
  const script = `"$@" >/dev/null || exit $?; ${afterwards} || exit $?; times`;
  const began = performance.now();
  const child = spawn('sh', ['-c', script, 'sh', ...command], {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const watch = new MemoryWatch(child.pid ?? 0);
  let [output, errors] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const [code] = await once(child, 'close');
  const seconds = (performance.now() - began) / 1000;
  const peakBytes = watch.end();
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${errors.slice(-2000)}`);
  return { seconds, cpuSeconds: childTimes(output), peakBytes };
}

/** The last line of `times`: user and system time of the children, `0m1.25s 0m0.50s`. */
function childTimes(output: string): number {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  const times = [...line.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds),
  );
  if (times.length !== 2) throw new Error(`times said "${line}"`);
  return times.reduce((sum, time) => sum + time, 0);
}

/** As a cgroup counts: the pages of a program's file are in memory once, however many processes run it. */
function residentTogether(pids: readonly number[]): number {
  const programs = new Set<string>();
  return pids.reduce((sum, pid) => {
    if (isOnlyForked(pid)) return sum; // its memory is its parent's
    const program = programOf(pid);
    const isAnother = program === undefined || !programs.has(program);
    if (program !== undefined) programs.add(program);
    return sum + (isAnother ? residentBytes(pid) : privateBytes(pid));
  }, 0);
}

/** The file of the program; undefined when the process ended meanwhile. */
function programOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

function family(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(family)];
}

/** utime, stime, and those of children that ended: proc(5), fields 14 to 17 of stat. */
function ticksOf(pid: number): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return 0; // it ended meanwhile; its parent has its time
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}
