/**
 * `npm run bench:boot`: how long starts take, and what stays in memory, beside OpenClaw started by hand.
 *
 *   npm run bench:boot                    a first start from an empty cache, then five starts of each kind, in turns
 *   npm run bench:boot -- --starts 3      a quicker look
 *   npm run bench:boot -- --only mount    only the starts from a bucket that is a GCS Fuse mount
 *   npm run bench:boot -- --json FILE     the figures as JSON
 *
 * By hand means: the same runtime, state, configuration and environment, on the same disk, with nothing of OpenCrane
 * around it. Exits with 1 when a goal is missed.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tenantFolders } from '@opencrane/agent/folders.ts';
import type { Step } from '@opencrane/cli/progress/steps.ts';
import { residentBytes } from '../../fixtures/processes.ts';
import { median } from '../median.ts';
import { startByHand } from './by-hand.ts';
import { benchMounted, TIMES_FASTER } from './mounted.ts';
import { startOpenCrane } from './opencrane.ts';

/** How long everything rests before its memory is read, in milliseconds. */
const REST_MILLIS = 20_000;

const { values } = parseArgs({
  options: {
    starts: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    json: { type: 'string', default: '' },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'oc-bench-'));
const home = join(folder, 'home');
const environment = { ...process.env, npm_config_cache: join(folder, 'cache') };
try {
  if (values.only === '') await bench();
  await mounted();
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function bench(): Promise<void> {
  print(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`);
  print('first start, from an empty cache…');
  const first = await startOpenCrane(home, environment);
  await first.stop();
  for (const { name, began, last } of first.steps) print(`  ${name.padEnd(12)} ${seconds(last - began)}`);
  print(`  ${'in all'.padEnd(12)} ${seconds(first.readyMillis)}`);

  const folders = tenantFolders(join(home, 'tenants', 'jente'));
  const runtime = join(home, 'runtimes', onlyRuntime());
  const [ours, byHand]: [number[], number[]] = [[], []];
  let memory: Record<string, number> = {};
  for (let count = 0; count < Number(values.starts); count += 1) {
    byHand.push(await startByHand(runtime, folders));
    const start = await startOpenCrane(home, environment);
    ours.push(start.readyMillis);
    if (count === 0) {
      await new Promise((resolve) => setTimeout(resolve, REST_MILLIS));
      memory = {
        coordinator: residentBytes(start.coordinatorPid),
        agent: residentBytes(Number(readFileSync(folders.agentPid, 'utf8'))),
        launcher: residentBytes(Number(readFileSync(folders.launcherPid, 'utf8'))),
        OpenClaw: residentBytes(start.gatewayPid),
      };
    }
    await start.stop();
    print(`  by hand ${seconds(byHand.at(-1) ?? 0)}, second start ${seconds(start.readyMillis)}`);
  }
  report(first, median(ours), median(byHand), memory);
}

async function mounted(): Promise<void> {
  print('starts from a bucket that is a GCS Fuse mount…');
  const seen = await benchMounted(Number(values.starts));
  if ('skip' in seen) return print(`  not measured: ${seen.skip}`);
  const { fromBucket, runtime, install, installed } = seen;
  const [restart, byHand] = [median(seen.restarts), median(seen.byHand)];
  print(`  from bucket and key alone ${seconds(fromBucket)}, of that the runtime ${seconds(runtime)}`);
  print(`  npm install onto it       ${seconds(install)}${installed ? '' : ', and was not done: it was ended'}`);
  print(`  restart on the same disk  ${seconds(restart)}, OpenClaw by hand ${seconds(byHand)}`);
  judge([
    { what: `npm install onto the mount, times the bundle`, got: install / runtime, atLeast: TIMES_FASTER },
    { what: 'restart with a mounted bucket, times by hand', got: restart / byHand, atMost: 1.5 },
  ]);
}

type Goal = { readonly what: string; readonly got: number; readonly atMost?: number; readonly atLeast?: number };

/** Prints each goal with what was got, and has this program end with 1 when one is missed. */
function judge(goals: readonly Goal[]): void {
  for (const { what, got, atMost = Number.POSITIVE_INFINITY, atLeast = 0 } of goals) {
    const met = got <= atMost && got >= atLeast;
    const goal = atLeast > 0 ? `≥ ${atLeast}` : `≤ ${atMost}`;
    print(`${met ? 'ok  ' : 'MISS'} ${what}: ${got.toFixed(2)} (goal ${goal})`);
    if (!met) process.exitCode = 1;
  }
}

function report(
  first: { readonly readyMillis: number; readonly steps: readonly Step[] },
  ours: number,
  byHand: number,
  memory: Readonly<Record<string, number>>,
): void {
  print(`second start ${seconds(ours)}, OpenClaw by hand ${seconds(byHand)} (medians of ${values.starts})`);
  for (const [program, bytes] of Object.entries(memory))
    print(`  ${program.padEnd(12)} ${mib(bytes).toFixed(0)} MiB resident`);
  const goals = [
    { what: 'second start, times by hand', got: ours / byHand, atMost: 1.5 },
    { what: 'agent, MiB resident', got: mib(memory['agent'] ?? Number.NaN), atMost: 80 },
  ];
  judge(goals);
  if (values.json === '') return;
  const steps = first.steps.map(({ name, began, last }) => ({ name, millis: last - began }));
  writeFileSync(
    values.json,
    `${JSON.stringify({ firstMillis: first.readyMillis, steps, ours, byHand, memory, goals })}\n`,
  );
}

/** The folder of the one runtime that was unpacked. */
function onlyRuntime(): string {
  const [runtime, ...more] = readdirSync(join(home, 'runtimes'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  if (runtime === undefined || more.length > 0) throw new Error(`expected one runtime, found ${[runtime, ...more]}`);
  return runtime;
}

function mib(bytes: number): number {
  return bytes / 1024 ** 2;
}

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(2).padStart(7)} s`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
