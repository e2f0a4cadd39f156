/**
 * kill -9 at every step of what the vault does. Each scenario runs once to its end, which tells its steps; then it runs anew for
 * each step and is killed there. Whatever was done by then, the next start finds a state that is whole, and what was left half
 * done goes with the next pruning. No OpenClaw is needed: the database is written to by this process.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BundleShelf } from '@opencrane/agent/bundles/bundle-shelf.ts';
import type { Residence } from '@opencrane/agent/residence/residence.ts';
import { adoptHead, checkedHead } from '@opencrane/agent/vault/format/head.ts';
import { readPacks } from '@opencrane/agent/vault/format/manifest.ts';
import { listManifests } from '@opencrane/agent/vault/format/object-ids.ts';
import { listSnapshots } from '@opencrane/agent/vault/history/find-snapshot.ts';
import { recover } from '@opencrane/agent/vault/history/recover.ts';
import { readTenantKey } from '@opencrane/agent/vault/keys/tenant-key.ts';
import { restore } from '@opencrane/agent/vault/restore/restore.ts';
import { rotateTenantKey } from '@opencrane/agent/vault/rotate/rotate.ts';
import { createVault, type Vault } from '@opencrane/agent/vault/vault.ts';
import { verify } from '@opencrane/agent/vault/verify/verify.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { digestOf, hexOf } from '@opencrane/kit/digest.ts';
import { fingerprint, keepNothing, log, never, VaultWorld } from './vault-world.ts';

const root = mkdtempSync(join(tmpdir(), 'opencrane-kill-vault-'));
after(() => rmSync(root, { recursive: true }));
const worker = fileURLToPath(new URL('./vault-worker.ts', import.meta.url));
const repository = join(import.meta.dirname, '../..');
const NEXT_EPOCH = 11;
const ports = { assertHeld() {}, clock: systemClock, onStep() {}, report() {} };

/** Everything that a state of the tenant ever was when a snapshot of it was taken, and what it is now. */
const states = new Set<string>();
/** Every step that any scenario came by. */
const seen = new Set<string>();

/** What OpenClaw does, all in one: pages of its database, a file that grows, one that comes, one that goes. */
function live(world: VaultWorld, turn: number): DatabaseSync {
  const at = (path: string) => join(world.state, path);
  mkdirSync(dirname(world.database), { recursive: true });
  const database = new DatabaseSync(world.database);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0');
  database.exec('CREATE TABLE IF NOT EXISTS turns (id INTEGER PRIMARY KEY, text TEXT)');
  database.exec("UPDATE turns SET text = text || '.'"); // nothing of the pages before is needed any more
  const insert = database.prepare('INSERT INTO turns (text) VALUES (?)');
  for (let row = 0; row < 50; row += 1) insert.run(`${turn}: ${'said '.repeat(100)}${row}`);
  appendFileSync(at('journal'), `turn ${turn}\n`);
  mkdirSync(at('workspace'), { recursive: true });
  writeFileSync(at(`workspace/turn-${turn}`), randomBytes(20_000));
  rmSync(at(`workspace/turn-${turn - 2}`), { force: true });
  rmSync(at('newest'), { force: true });
  symlinkSync(`workspace/turn-${turn}`, at('newest'));
  return database;
}

/** A tenant of three days with two snapshots each, what killed writers left behind, and one turn that is in no snapshot. */
async function makeBase(): Promise<VaultWorld> {
  mkdirSync(join(root, 'base', 'bucket'), { recursive: true });
  const base = new VaultWorld(join(root, 'base'));
  for (const key of ['tenant', 'new'])
    writeFileSync(base.keyFile(key), randomBytes(32).toString('hex'), { mode: 0o600 });
  const vault = await createVault(base.bucket, await readTenantKey(base.keyFile()), randomBytes);
  const capture = await base.capture();
  let now = Date.now() - 4 * 86_400_000;
  const clock = { ...systemClock, now: () => now };
  let failsAt = '';
  const onStep = (step: string) => {
    if (step === failsAt) throw new Error('killed');
  };
  for (let turn = 1; turn <= 6; turn += 1) {
    now += turn % 2 === 1 ? 86_400_000 : 60_000;
    const database = live(base, turn);
    const snapshotter = await base.snapshotter(vault, capture, 1, onStep, clock);
    failsAt = turn === 3 ? 'snapshot:manifest' : turn === 4 ? 'snapshot:packs' : '';
    const take = () => snapshotter.snapshot({ reason: 'change', openclawVersion: '2026.9.6' }, never);
    if (failsAt !== '') await assert.rejects(take(), { message: /killed/ });
    failsAt = '';
    if (turn === 3 || turn === 4) writeFileSync(join(base.state, 'later'), `${turn}`);
    states.add(fingerprint(base.state));
    const again = await base.snapshotter(vault, capture, 1, onStep, clock);
    await again.snapshot({ reason: 'change', openclawVersion: '2026.9.6' }, never);
    database.close();
  }
  // Copied while it is open, so that the copies have a WAL that nobody has folded in.
  const database = live(base, 7);
  writeFileSync(join(base.state, 'large'), randomBytes(9 * 1024 * 1024));
  states.add(fingerprint(base.state));
  await base.remember(vault, 1, false);
  await capture.close();
  cpSync(base.folder, join(root, 'model'), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  database.close();
  return new VaultWorld(join(root, 'model'));
}

const model = await makeBase();
const lastState = fingerprint(base().state);

/** The tenant as it was, in a place that is always the same. */
function base(): VaultWorld {
  const folder = join(root, 'world');
  rmSync(folder, { recursive: true, force: true });
  cpSync(model.folder, folder, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  return new VaultWorld(folder);
}

/** Runs a scenario, to its end or to the step of a number; the steps that it came by. */
async function run(world: VaultWorld, scenario: string, killAt?: number): Promise<string[]> {
  const environment = { PATH: process.env['PATH'], OPENCRANE_FAULT_AT: killAt === undefined ? 'nowhere' : `${killAt}` };
  const flags = ['--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, worker, scenario, world.folder], {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code, signal] = await once(child, 'exit');
  assert.deepEqual([code, signal], killAt === undefined ? [0, null] : [null, 'SIGKILL'], `${scenario} ${killAt ?? ''}`);
  const steps = readFileSync(world.at('steps'), 'utf8').trimEnd().split('\n');
  if (killAt !== undefined) assert.equal(steps.length, killAt + 1, 'it was killed at the very step');
  return steps;
}

/** A scenario: what is there before, and what must be so after a kill beside what always must. */
type Scenario = {
  /** The worker's name for what it does. */
  readonly name: string;
  /** What else there is to say, where the worker does the same in several. */
  readonly where?: string;
  readonly prepare?: (world: VaultWorld) => Promise<void> | void;
  /** Whether this process writes the database meanwhile. */
  readonly isLive?: boolean;
  readonly afterKill: (world: VaultWorld) => Promise<void>;
};

const scenarios: Scenario[] = [
  { name: 'snapshot', isLive: true, afterKill: (world) => assertStarts(world, [lastState]) },
  {
    name: 'boot',
    where: ' on a disk that another has overtaken',
    prepare: async (world) => void (await adoptHead(await world.vault(), 9)),
    async afterKill(world) {
      await assertStarts(world, [await newestOf(world, await world.vault())]);
      assert.equal(fingerprint(`${world.state}.left-behind`), lastState, 'what only this disk had is kept beside');
    },
  },
  {
    name: 'boot',
    where: ' on an empty disk',
    prepare: (world) => rmSync(world.state, { recursive: true }),
    afterKill: async (world) => assertStarts(world, [await newestOf(world, await world.vault())]),
  },
  {
    name: 'replace',
    async afterKill(world) {
      const vault = await world.vault();
      const kept = await restoredOf(world, vault);
      const there = existsSync(world.state) ? fingerprint(world.state) : '';
      assert.ok(kept.has(lastState) || there === lastState, 'what was to be replaced is not lost');
      await assertStarts(world, [...states]);
    },
  },
  { name: 'prune', afterKill: (world) => assertStarts(world, [lastState]) },
  {
    name: 'rotate',
    async afterKill(world) {
      const [old, next] = [await readTenantKey(world.keyFile()), await readTenantKey(world.keyFile('new'))];
      await rotateTenantKey({ bucket: world.bucket, random: randomBytes, ...ports }, old, next);
      await assert.rejects(world.vault(), { reason: 'wrong_key' });
      await assertStarts(world, [lastState], 'new');
    },
  },
  {
    name: 'recover',
    async prepare(world) {
      const newest = (await checkedHead(await world.vault()))?.newest;
      writeFileSync(join(world.at('bucket'), newest?.name ?? ''), randomBytes(200));
      rmSync(world.state, { recursive: true });
    },
    async afterKill(world) {
      const vault = await world.vault();
      const { newest } = await recover(vault, undefined, { ...ports, epoch: 10 }, never);
      assert.deepEqual((await verify(vault, newest, () => {}, never)).damaged, []);
      await atHome(world, 'tenant', async () => assert.equal(fingerprint(world.state), [...states].at(-3)));
    },
  },
  {
    name: 'bundle',
    prepare(world) {
      const [bundle, old] = [randomBytes(3_000_000), randomBytes(1_000)];
      writeFileSync(world.at('bundle'), bundle);
      mkdirSync(world.at('bucket', 'runtime'));
      writeFileSync(fileOf(world, bundle), bundle.subarray(0, 1_000_000)); // cut short
      writeFileSync(fileOf(world, old), old);
    },
    async afterKill(world) {
      const bytes = readFileSync(world.at('bundle'));
      const bundle = { bundleDigest: digestOf(bytes), bundleBytes: bytes.length };
      const shelf = new BundleShelf({ bucket: world.bucket, coordinator: world.coordinator(), onStep() {}, log });
      await shelf.put(bundle, never);
      await shelf.keepOnly([bundle.bundleDigest], never);
      assert.deepEqual(await readdir(world.at('bucket', 'runtime')), [`${hexOf(bundle.bundleDigest)}.tar.zst`]);
      assert.ok(readFileSync(fileOf(world, bytes)).equals(bytes));
      await assertStarts(world, [lastState]);
    },
  },
];

function fileOf(world: VaultWorld, bundle: Buffer): string {
  return world.at('bucket', 'runtime', `${hexOf(digestOf(bundle))}.tar.zst`);
}

/** What each snapshot of a vault brings back. */
async function restoredOf(world: VaultWorld, vault: Vault): Promise<Set<string>> {
  const restored = new Set<string>();
  for (const snapshot of await listSnapshots(vault)) restored.add(await broughtBack(world, vault, snapshot));
  return restored;
}

async function broughtBack(
  world: VaultWorld,
  vault: Vault,
  snapshot: Parameters<typeof restore>[1]['snapshot'],
): Promise<string> {
  const target = world.at('brought-back');
  const quiet = { clock: { ...systemClock, sleep: async () => {} }, onStep() {}, onProgress() {} };
  await restore(vault, { snapshot, target }, quiet, never);
  const what = fingerprint(target);
  rmSync(target, { recursive: true });
  return what;
}

async function newestOf(world: VaultWorld, vault: Vault): Promise<string> {
  const newest = (await checkedHead(vault))?.newest ?? assert.fail('the head names a snapshot');
  return broughtBack(world, vault, newest);
}

/**
 * The next start finds one of these states, whole; every snapshot that is listed is one that was taken, to the last byte; and a
 * snapshot and a pruning later, nothing is in the bucket that the newest snapshot does not need.
 */
async function assertStarts(world: VaultWorld, allowed: readonly string[], key = 'tenant'): Promise<void> {
  const { found, vault, pruner } = await atHome(world, key, async (residence) => {
    const home = await residence.atHome();
    const state = fingerprint(world.state);
    assert.ok(allowed.includes(state), 'the state is one that there was');
    assert.deepEqual((await verify(home.vault, undefined, () => {}, never)).damaged, []);
    for (const each of await restoredOf(world, home.vault)) assert.ok(states.has(each), 'a snapshot is of one moment');
    await residence.snapshot('request', never);
    return { ...home, found: state };
  });
  assert.equal(await newestOf(world, vault), found);
  await pruner.prune({ retention: keepNothing, pinned: new Set(), dryRun: false }, ports, never);
  await assertNothingIsLeft(vault);
  assert.equal(await newestOf(world, vault), found);
}

/** Starts as an agent does, and stops. */
async function atHome<T>(world: VaultWorld, key: string, work: (residence: Residence) => Promise<T>): Promise<T> {
  const capture = await world.capture();
  const residence = world.residence(capture, NEXT_EPOCH, () => {}, key);
  try {
    residence.start();
    await residence.atHome();
    return await work(residence);
  } finally {
    await residence.stop(never);
    await capture.close();
  }
}

/** Manifests are those of the newest snapshot's chain, and packs those that they name. */
async function assertNothingIsLeft(vault: Vault): Promise<void> {
  const newest = (await checkedHead(vault))?.newest ?? assert.fail('the head names a snapshot');
  const refs = await listManifests(vault.bucket);
  assert.equal(refs.length, newest.depth + 1);
  const named = new Set<string>();
  for (const ref of refs) for (const [id] of await readPacks(vault, ref)) named.add(`vault/packs/${id}`);
  const there: string[] = [];
  for await (const { name } of vault.bucket.list('vault/packs/')) there.push(name);
  assert.deepEqual(there.sort(), [...named].sort());
}

for (const { name, where = '', prepare, isLive, afterKill } of scenarios) {
  test(`${name}${where}: killed at each of its steps`, { timeout: 300_000 }, async (t) => {
    const prepared = async () => {
      const world = base();
      await prepare?.(world);
      return world;
    };
    const steps = await run(await prepared(), name);
    for (const step of steps) seen.add(step);
    t.diagnostic(`${steps.length} steps: ${steps.join(' ')}`);
    for (const [at, step] of steps.entries()) {
      const world = await prepared();
      const database = isLive ? new DatabaseSync(world.database) : undefined;
      database?.prepare('SELECT count(*) FROM turns').get(); // it holds the WAL as OpenClaw does
      try {
        const came = await run(world, name, at);
        assert.equal(came.at(-1)?.split(':')[0], step.split(':')[0]);
        await afterKill(world);
      } catch (cause) {
        throw new Error(`killed at step ${at}, ${step}`, { cause });
      } finally {
        database?.close();
      }
    }
  });
}

test('no step in the code was left out', () => {
  const sources = globSync('agent/{vault,bundles,residence}/**/*.ts', { cwd: repository }).filter(
    (path) => !/test/.test(path),
  );
  const named = new Set<string>();
  for (const source of sources) {
    const text = readFileSync(join(repository, source), 'utf8');
    for (const [, step] of text.matchAll(
      /['`]((?:snapshot|prune|restore|replace|rotate|recover|bundle|boot):[a-z:]+)['`]/g,
    ))
      named.add(step ?? '');
  }
  assert.ok(named.size > 20);
  assert.deepEqual([...named].filter((step) => !seen.has(step)).sort(), []);
});
