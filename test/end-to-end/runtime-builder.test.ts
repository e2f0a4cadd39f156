/** Bundles from the real registry: built once, the same bytes each time, unpacked and run by the agent's own code; and what cannot be built. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { unpackLimits, unpackTree } from '@opencrane/agent/runtime/unpack-tree.ts';
import { BlobStore } from '@opencrane/coordinator/runtimes/blob-store.ts';
import { RuntimeBuilder } from '@opencrane/coordinator/runtimes/builder.ts';
import { RuntimeCatalogue } from '@opencrane/coordinator/runtimes/catalogue.ts';
import { createNpm, type Npm } from '@opencrane/coordinator/runtimes/npm.ts';
import { packBundle } from '@opencrane/coordinator/runtimes/pack.ts';
import { Store } from '@opencrane/coordinator/store/store.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { digestOfFile } from '@opencrane/kit/digest.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { versions } from '../fixtures/runtime-seed.ts';

const folder = mkdtempSync(join(tmpdir(), 'opencrane-builder-'));
const blobs = new BlobStore(join(folder, 'blobs'));
const stages = join(folder, 'stages');
const platform = { nodeVersion: process.versions.node, os: process.platform, arch: process.arch };
let store: Store;

before(async () => {
  store = await Store.open(join(folder, 'coordinator.sqlite'), createLogger({ program: 'test', level: 'silent' }));
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A builder, and what it had npm do. */
function builder(options: { nodeVersion?: string; stages?: string; npm?: Npm } = {}) {
  // The user's cache: this is about what is built, not about how long a first download takes.
  const cache = process.env['npm_config_cache'] ?? join(homedir(), '.npm');
  const real = options.npm ?? createNpm(process.env, join(folder, 'npm'), cache);
  const runs: string[] = [];
  const npm: Npm = (args, signal) => {
    runs.push(args[0] ?? '');
    return real(args, signal);
  };
  const made = new RuntimeBuilder({
    npm,
    blobs,
    catalogue: new RuntimeCatalogue(store),
    stages: options.stages ?? stages,
    platform: { ...platform, ...(options.nodeVersion && { nodeVersion: options.nodeVersion }) },
    environment: process.env,
    clock: systemClock,
  });
  return { builder: made, runs };
}

test('the current version is built once for all who ask, is what its digest says, and runs', async (t) => {
  const steps = new Set<string>();
  const { builder: first, runs } = builder();
  const [one, two] = await Promise.all([
    first.ensure(versions.current, (step, _message, done) => done > 0 && steps.add(step)),
    first.ensure(versions.current),
  ]);
  assert.deepEqual(one, two);
  assert.equal(runs.filter((run) => run === 'install').length, 1);
  assert.deepEqual([...steps], ['download', 'pack'], 'progress counts bytes');
  assert.match(one.integrity, /^sha512-/);
  assert.equal(await digestOfFile(blobs.path(one.digest)), one.digest);
  assert.deepEqual(readdirSync(stages), [], 'no stage stays');

  const tree = join(folder, 'tree');
  const began = performance.now();
  await unpackTree(blobs.path(one.digest), tree, unpackLimits, () => {});
  t.diagnostic(`unpacked ${one.bytes} bytes in ${Math.round(performance.now() - began)} ms`);
  const entry = join(tree, 'lib/node_modules/openclaw/openclaw.mjs');
  assert.equal(existsSync(join(tree, 'lib/node_modules/openclaw/.openclaw-lifecycle-pending')), false, 'it is settled');
  assert.match(spawnSync(process.execPath, [entry, '--version'], { encoding: 'utf8' }).stdout, /2026\.9\.6/);

  const packed = await Promise.all(['a', 'b'].map((name) => packBundle(tree, join(folder, name), () => {})));
  assert.equal(packed[0]?.digest, packed[1]?.digest, 'the same tree gives the same bytes');
});

test('what is built needs no network', async () => {
  const offline = builder({ npm: () => Promise.reject(new Error('npm must not run')) });
  assert.equal((await offline.builder.ensure(versions.current)).version, versions.current);
});

const refused = [
  {
    reason: 'a version that nobody published: its neighbours are named',
    version: '2026.3.15',
    error: { code: 'not_found', reason: 'runtime_version_unknown', mend: /2026\.3\.13.*2026\.3\.22/ },
    runs: ['view', 'view'],
  },
  {
    reason: 'a version for another Node, before anything is downloaded',
    version: '2026.9.5',
    nodeVersion: '22.12.0',
    error: { code: 'failed_precondition', reason: 'runtime_needs_other_node', message: /22\.12\.0/ },
    runs: ['view'],
  },
  {
    reason: 'a version that does not install: npm’s own words',
    version: '2026.3.13',
    error: { code: 'failed_precondition', reason: 'runtime_install_failed', message: /git/ },
    runs: ['view', 'install'],
  },
] as const;

for (const { reason, version, error, runs: expected, ...options } of refused) {
  test(reason, async () => {
    const { builder: refusing, runs } = builder(options);
    await assert.rejects(refusing.ensure(version), error);
    assert.deepEqual(runs, expected);
    assert.deepEqual(existsSync(stages) ? readdirSync(stages) : [], [], 'no stage stays');
  });
}

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
test('a full disk is said, and gets its room back', {
  skip: !isRoot && 'mounting a small disk takes root',
}, async (t) => {
  const small = join(folder, 'small');
  mkdirSync(small);
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small]).status, 0);
  t.after(() => assert.equal(spawnSync('umount', [small]).status, 0));
  const { builder: cramped } = builder({ stages: join(small, 'stages') });
  await assert.rejects(cramped.ensure(versions.previous), { code: 'resource_exhausted', reason: 'disk_full' });
  assert.deepEqual(readdirSync(join(small, 'stages')), []);
});

test('what a builder that was killed left is swept', async () => {
  mkdirSync(join(stages, 'build-killed', 'tree'), { recursive: true });
  const { builder: next } = builder();
  await next.sweep();
  assert.equal(existsSync(stages), false);
});
