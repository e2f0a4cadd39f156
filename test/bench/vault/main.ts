/**
 * `npm run bench:vault`: snapshots, restore and verification beside restic and borgbackup on the same trees, then a database
 * under steady writes beside Litestream. Needs 12 GB of disk.
 *
 *   npm run bench:vault                          everything
 *   npm run bench:vault -- --parts state,files   some of it: state, files, steady
 *   npm run bench:vault -- --share 0.1           trees of a tenth
 *   npm run bench:vault -- --seed 7              other content
 *   npm run bench:vault -- --alone               without the others
 *   npm run bench:vault -- --flags=--cpu-prof    more flags for our processes
 *   npm run bench:vault -- --json FILE           the figures as JSON
 *
 * Litestream is looked for in the folder that OPENCRANE_TEST_TOOLS names, and on PATH. Each measured part runs by itself, after
 * what was written before is on the disk. Exits with 1 when a goal is missed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { borg, type Contender, openCrane, restic } from './contenders.ts';
import { type Figure, Figures } from './figures.ts';
import { steady } from './steady.ts';
import { makeSmallFiles, makeState, type Tree } from './trees.ts';

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'state,files,steady' },
    share: { type: 'string', default: '1' },
    seed: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '90' },
    alone: { type: 'boolean', default: false },
    flags: { type: 'string', default: '' },
    json: { type: 'string', default: '' },
  },
});
const parts = values.parts.split(',');
const [share, seed] = [Number(values.share), Number(values.seed)];
const flags = values.flags === '' ? [] : values.flags.split(' ');

/** How often a hundredth changes, and all is restored and verified; the middle one of the times counts. */
const ROUNDS = 3;

const folder = mkdtempSync(join(tmpdir(), 'oc-bench-'));
const compileCache = join(folder, 'compile-cache');
const figures = new Figures(print);
try {
  print(
    `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, seed ${seed}, ${values.share} of the trees`,
  );
  await warmUp();
  if (parts.includes('state')) await compare(makeState(place('state/tree'), seed, share));
  if (parts.includes('files')) await compare(makeSmallFiles(place('files/tree'), seed, share));
  if (parts.includes('steady')) {
    const { alone, seconds } = values;
    const options = { seed, share, seconds: Number(seconds), alone, flags, compileCache, print };
    await steady(place('steady'), options, figures);
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
if (!figures.report()) process.exitCode = 1;
if (values.json !== '') writeFileSync(values.json, `${JSON.stringify(figures.all)}\n`);

/** An agent's programs are in the compile cache but for its first start on a machine. */
async function warmUp(): Promise<void> {
  writeFileSync(join(place('warm/tree'), 'file'), 'content');
  const ours = openCrane(place('warm/tree'), place('warm/ours'), compileCache, []);
  await ours.snapshot();
  await ours.restore(join(folder, 'warm', 'restored'));
  await ours.verify();
  await ours.end();
}

/** Each step is done by all before the next, so that all find the same tree. */
async function compare(tree: Tree): Promise<void> {
  const beside = join(tree.root, '..');
  const contenders = [openCrane(tree.root, join(beside, 'ours'), compileCache, flags)];
  for (const make of values.alone ? [] : [restic, borg]) {
    const made = await make(tree.root, join(beside, make.name));
    if ('skip' in made) print(made.skip);
    else contenders.push(made);
  }
  const each = async (what: string, measure: (one: Contender) => ReturnType<Contender['snapshot']>) => {
    for (const one of contenders) {
      await settle();
      note({ tree: tree.name, what, who: one.name, ...(await measure(one)) });
    }
  };
  await each('first snapshot', (one) => one.snapshot());
  for (const one of contenders) figures.stored(tree.name, 'first snapshot', one.name, one.storedBytes());
  for (let round = 0; round < ROUNDS; round += 1) {
    await tree.change();
    await each('1 % changed', (one) => one.snapshot());
  }
  for (const one of contenders) figures.stored(tree.name, '1 % changed', one.name, one.storedBytes());
  await alone(tree, contenders);
  for (let round = 0; round < ROUNDS; round += 1) {
    await each('restore', (one) => {
      const target = join(beside, 'restored');
      return one.restore(target).finally(() => rmSync(target, { recursive: true, force: true }));
    });
    await each('verify', (one) => one.verify());
  }
  for (const one of contenders) await one.end();
  tree.close();
  rmSync(beside, { recursive: true, force: true });
}

/** What the others have no counterpart for: all of theirs begin anew each time. */
async function alone(tree: Tree, contenders: readonly Contender[]): Promise<void> {
  for (const one of contenders) {
    if (!one.snapshotAfterRestart) continue;
    await settle();
    note({ tree: tree.name, what: 'nothing changed', who: one.name, ...(await one.snapshot()) });
    if (tree.burst) {
      await tree.burst();
      await settle();
      note({ tree: tree.name, what: '1 % changed in one burst', who: one.name, ...(await one.snapshot()) });
    }
    await tree.change();
    await settle();
    note({
      tree: tree.name,
      what: '1 % changed, after a restart',
      who: one.name,
      ...(await one.snapshotAfterRestart()),
    });
  }
}

/** What was written before must not take the disk from what comes. */
async function settle(): Promise<void> {
  spawnSync('sync', ['-f', folder]);
}

function note(figure: Figure): void {
  figures.note(figure);
}

function place(path: string): string {
  const full = join(folder, path);
  mkdirSync(full, { recursive: true });
  return full;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
