/**
 * `npm run bench:stream`: what a session costs, beside bare grpc-js and raw node:http2 that exchange the same bytes.
 *
 *   npm run bench:stream                                     5,000 agents
 *   npm run bench:stream -- --agents 500 --storms 3          a quick look
 *   npm run bench:stream -- --only session --cpu-prof DIR    a profile of the server
 *
 * All three stand side by side and take turns: connect all; push a 2 KB config to all and take two receipts from each;
 * cut all connections at once and have all connect again; push once more. Whatever else the machine does meets all of
 * them within seconds, so ratios are taken turn by turn, and their medians count. Exits with 1 when a goal is missed.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { median } from '../median.ts';
import { Contender, type Phase } from './contender.ts';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '5000' },
    clients: { type: 'string', default: '1' },
    pushes: { type: 'string', default: '9' },
    storms: { type: 'string', default: '15' },
    only: { type: 'string', default: '' },
    json: { type: 'string', default: '' },
    'cpu-prof': { type: 'string', default: '' },
  },
});

const [agents, pushes, storms] = [Number(values.agents), Number(values.pushes), Number(values.storms)];
const variants = ['http2', 'grpc-js', 'session'].filter((name) => values.only === '' || name === values.only);

/** A variant's turns. Memory in KB per session, after the connects and after the pushes; receipts lost or doubled. */
type Figures = { connect: Phase[]; push: Phase[]; storm: Phase[]; idleKb: number; pushedKb: number; lost: number };

const contenders = new Map<string, Contender>();
const figures = new Map<string, Figures>();
try {
  for (const name of variants) {
    const options = { agents, clients: Number(values.clients), cpuProfile: values['cpu-prof'] };
    contenders.set(name, await Contender.start(name, options));
    figures.set(name, { connect: [], push: [], storm: [], idleKb: 0, pushedKb: 0, lost: 0 });
  }
  await inTurns('connect', 1, (one) => one.connect());
  for (const [name, one] of contenders) of(name).idleKb = (await one.memory()).kilobytes;
  await inTurns('push', pushes, (one, turn) => one.push(turn));
  for (const [name, one] of contenders) of(name).pushedKb = (await one.memory()).kilobytes;
  await inTurns('storm', storms, (one) => one.storm());
  for (const [name, one] of contenders) {
    await one.push(pushes);
    of(name).lost = Math.abs(2 * agents * (pushes + 1) - (await one.memory()).receipts);
  }
} finally {
  for (const one of contenders.values()) await one.stop();
}

print(`${agents} agents; ${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}; medians of all turns`);
print(row(['', 'connect s', 'push s', 'push CPU s', 'storm s', 'storm CPU s', 'idle KB', 'pushed KB', 'lost']));
for (const [name, { connect, push, storm, idleKb, pushedKb, lost }] of figures) {
  const times = [connect.map(seconds), push.map(seconds), push.map(cpu), storm.map(seconds), storm.map(cpu)];
  const cells = [...times.map((turns) => median(turns).toFixed(3)), idleKb.toFixed(1), pushedKb.toFixed(1)];
  print(row([name, ...cells, String(lost)]));
}

const ratios = { push: timesRaw('push'), storm: timesRaw('storm') };
const ours = figures.get('session');
const goals: { what: string; got: number; goal: number }[] = [];
if (ours !== undefined && figures.has('http2')) {
  for (const phase of ['push', 'storm'] as const) {
    print(`${phase}, times raw, turn by turn: ${ratios[phase].map((ratio) => ratio.toFixed(2)).join(' ')}`);
    goals.push({ what: `${phase}, times raw`, got: median(ratios[phase]), goal: 1.5 });
  }
  goals.push({ what: 'server memory, KB per session', got: ours.pushedKb, goal: 80 });
  goals.push({ what: 'receipts lost', got: ours.lost, goal: 0 });
}
for (const { what, got, goal } of goals) {
  const met = got <= goal; // a figure that was not taken is NaN, and no goal that was met
  print(`${met ? 'ok  ' : 'MISS'} ${what}: ${got.toFixed(2)} (goal ≤ ${goal})`);
  if (!met) process.exitCode = 1;
}

const report = {
  agents,
  node: process.version,
  cpu: cpus()[0]?.model,
  figures: Object.fromEntries(figures),
  ratios,
  goals,
};
if (values.json === '') print(JSON.stringify(report));
else writeFileSync(values.json, `${JSON.stringify(report)}\n`);

/** Lets each do it, one after the other, as often as is said. */
async function inTurns(
  phase: 'connect' | 'push' | 'storm',
  turns: number,
  act: (one: Contender, turn: number) => Promise<Phase>,
): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [name, one] of contenders) {
      await Promise.all([...contenders.values()].map((other) => other.quiet())); // nobody's turn reaches into the next
      of(name)[phase].push(await act(one, turn));
    }
  }
}

function of(name: string): Figures {
  const found = figures.get(name);
  if (found === undefined) throw new Error(`no variant ${name}`);
  return found;
}

/** Ours divided by raw, turn by turn. */
function timesRaw(phase: 'push' | 'storm'): number[] {
  const raw = figures.get('http2')?.[phase] ?? [];
  return (figures.get('session')?.[phase] ?? []).map((turn, at) => turn.seconds / (raw[at]?.seconds ?? Number.NaN));
}

function seconds(phase: Phase): number {
  return phase.seconds;
}

function cpu(phase: Phase): number {
  return phase.cpu;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(9) : cell.padStart(12))).join('');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
