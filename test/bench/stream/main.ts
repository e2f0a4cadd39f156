/**
 * `npm run bench:stream`: what a session costs, beside bare grpc-js and raw node:http2 that exchange the same bytes.
 *
 *   npm run bench:stream                                     5,000 agents, three runs of each, medians
 *   npm run bench:stream -- --agents 500 --runs 1            a quick look
 *   npm run bench:stream -- --only session --cpu-prof DIR    a profile of the server
 *
 * Each run: connect all, push a 2 KB config to all and take two receipts from each (five times, median), cut all
 * connections at once and have all connect again (three times, median), push once more. Exits with 1 when a goal is missed.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { median, type Run, runVariant } from './run.ts';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '5000' },
    clients: { type: 'string', default: '1' },
    pushes: { type: 'string', default: '5' },
    storms: { type: 'string', default: '3' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    json: { type: 'string', default: '' },
    'cpu-prof': { type: 'string', default: '' },
  },
});

const options = {
  agents: Number(values.agents),
  clients: Number(values.clients),
  pushes: Number(values.pushes),
  storms: Number(values.storms),
  cpuProfile: values['cpu-prof'],
};
const variants = ['http2', 'grpc-js', 'session'].filter((name) => values.only === '' || name === values.only);
const runs = new Map<string, Run[]>(variants.map((name) => [name, []]));

// Variants take turns, so that whatever else the machine does meets all of them.
for (let count = 0; count < Number(values.runs); count += 1) {
  for (const [name, done] of runs) done.push(await runVariant(name, options));
}

const keys = ['connect', 'push', 'pushCpu', 'storm', 'stormCpu', 'idleKb', 'pushedKb', 'lost'] as const;
const results = Object.fromEntries(
  [...runs].map(([name, done]) => [
    name,
    Object.fromEntries(keys.map((key) => [key, median(done.map((run) => run[key]))])),
  ]),
);

print(
  `${options.agents} agents, median of ${values.runs} runs; ${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`,
);
const titles = ['', 'connect s', 'push s', 'push CPU s', 'storm s', 'storm CPU s', 'idle KB', 'pushed KB', 'lost'];
print(row(titles));
for (const [name, figures] of Object.entries(results)) {
  print(
    row([name, ...keys.map((key) => (figures[key] ?? 0).toFixed(key === 'lost' ? 0 : key.endsWith('Kb') ? 1 : 3))]),
  );
}

const { session, http2 } = results;
const goals = session && http2 ? judge(session, http2) : [];
for (const { what, got, goal } of goals)
  print(`${got <= goal ? 'ok  ' : 'MISS'} ${what}: ${got.toFixed(2)} (goal ≤ ${goal})`);
if (goals.some(({ got, goal }) => got > goal)) process.exitCode = 1;

const report = JSON.stringify({ agents: options.agents, node: process.version, cpu: cpus()[0]?.model, results, goals });
if (values.json === '') print(report);
else writeFileSync(values.json, `${report}\n`);

function judge(ours: Record<string, number>, raw: Record<string, number>) {
  const times = (key: string) => (ours[key] ?? Number.NaN) / (raw[key] ?? Number.NaN);
  return [
    { what: 'push, times raw', got: times('push'), goal: 1.5 },
    { what: 'storm, times raw', got: times('storm'), goal: 1.5 },
    { what: 'server memory, KB per session', got: ours['pushedKb'] ?? Number.NaN, goal: 80 },
    { what: 'receipts lost', got: ours['lost'] ?? Number.NaN, goal: 0 },
  ];
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(9) : cell.padStart(12))).join('');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
