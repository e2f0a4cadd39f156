/**
 * Builds runtime bundles: npm installs one exact version, whose integrity it checks, and the tree is packed.
 *
 *   resolve ──▶ (built already? done) ──▶ download ──▶ settle ──▶ pack ──▶ in the blob store and the catalogue
 *
 * Everything happens in a stage folder of its own; what a crash leaves there is swept at the next start.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@opencrane/kit/clock.ts';
import { pick } from '@opencrane/kit/environment.ts';
import { messageOf, OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import type { BlobStore } from './blob-store.ts';
import { buildEnvironment } from './build-environment.ts';
import type { BuiltRuntime, RuntimeCatalogue } from './catalogue.ts';
import { type Npm, npmComplaint } from './npm.ts';
import { packBundle } from './pack.ts';
import { findVersion, type PublishedVersion, requireNode } from './registry.ts';

/** What bundles must run on. */
export type RuntimePlatform = { readonly nodeVersion: string; readonly os: string; readonly arch: string };

/** Tells how far a build is; bytes are 0 where they don't count. */
export type BuildProgress = (
  step: 'resolve' | 'download' | 'pack',
  message: string,
  doneBytes: number,
  totalBytes: number,
) => void;

/** What building takes. */
export type BuilderOptions = {
  readonly npm: Npm;
  readonly catalogue: RuntimeCatalogue;
  readonly blobs: BlobStore;
  /** Stage folders lie here, on the blob store's file system. */
  readonly stages: string;
  readonly platform: RuntimePlatform;
  /** The coordinator's; what runs in a build gets a part of it (build-environment.ts). */
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
};

type Build = { readonly done: Promise<BuiltRuntime>; readonly listeners: Set<BuildProgress> };

/** How often a download is measured. npm tells no progress when its output is no terminal. */
const MEASURE_MILLIS = 400;
/** Time between measurements, as a multiple of what one takes. */
const MEASURE_SHARE = 10;
/** What OpenClaw 2026.9.6 and its packages take on disk (measured); the real size is known when it is there. */
const TYPICAL_BYTES = 571_000_000;

/** Builds each version once, however many ask. */
export class RuntimeBuilder {
  readonly #options: BuilderOptions;
  readonly #builds = new Map<string, Build>();
  readonly #replaced = new Set<(built: BuiltRuntime) => void>();
  readonly #closing = new AbortController();

  constructor(options: BuilderOptions) {
    this.#options = options;
  }

  /** Removes what builds that were cut off left behind. Before the first build. */
  async sweep(): Promise<void> {
    await removeTree(this.#options.stages);
  }

  /** Gives up what is being built. */
  async close(): Promise<void> {
    this.#closing.abort('the coordinator stops');
    await Promise.allSettled([...this.#builds.values()].map(({ done }) => done));
  }

  /** Calls back after a version was built again and is another bundle than before; returns how to stop. */
  onReplaced(listener: (built: BuiltRuntime) => void): () => void {
    this.#replaced.add(listener);
    return () => this.#replaced.delete(listener);
  }

  /**
   * Makes sure that a version's bundle is here. An exact version that was built before needs no network. Throws before
   * anything is downloaded when the version does not exist or needs another Node.
   */
  async ensure(wanted: string, progress: BuildProgress = () => {}): Promise<BuiltRuntime> {
    progress('resolve', `looking up ${wanted || 'latest'}`, 0, 0);
    const known = await this.#known(wanted);
    if (known !== undefined) return known;
    const found = await findVersion(
      this.#options.npm,
      wanted,
      this.#options.platform.nodeVersion,
      this.#closing.signal,
    );
    return (await this.#known(found.version)) ?? this.#once(found, progress);
  }

  /** A bundle that is built and still there. */
  async #known(version: string): Promise<BuiltRuntime | undefined> {
    const { catalogue, blobs, platform } = this.#options;
    const row = await catalogue.find(version, platformName(platform));
    if (row === undefined || !(await blobs.isWhole(row.digest, row.bytes))) return undefined;
    requireNode(row.version, row.nodeRange, platform.nodeVersion);
    return row;
  }

  async #once(found: PublishedVersion, progress: BuildProgress): Promise<BuiltRuntime> {
    let build = this.#builds.get(found.version);
    if (build === undefined) {
      const listeners = new Set<BuildProgress>();
      const tell: BuildProgress = (...word) => {
        for (const listener of listeners) listener(...word);
      };
      const done = this.#build(found, tell).finally(() => this.#builds.delete(found.version));
      build = { done, listeners };
      this.#builds.set(found.version, build);
    }
    build.listeners.add(progress);
    try {
      return await build.done;
    } finally {
      build.listeners.delete(progress);
    }
  }

  async #build(found: PublishedVersion, progress: BuildProgress): Promise<BuiltRuntime> {
    const { stages, blobs, catalogue, platform, clock } = this.#options;
    await mkdir(stages, { recursive: true, mode: 0o700 });
    const stage = await mkdtemp(join(stages, 'build-'));
    try {
      const tree = join(stage, 'tree');
      await this.#download(found.version, tree, progress);
      await settle(tree, join(stage, 'home'), this.#options.environment);
      const total = await sizeOf(tree);
      const file = join(stage, 'bundle');
      const { digest, bytes } = await packBundle(tree, file, (done) =>
        progress('pack', `packing ${found.version}`, Math.min(done, total), total),
      );
      await blobs.adopt(file, digest);
      const built = { ...found, digest, bytes, platform: platformName(platform), builtAt: clock.now() };
      const before = await catalogue.find(built.version, built.platform);
      await catalogue.add(built);
      if (before !== undefined && before.digest !== digest) for (const listener of this.#replaced) listener(built);
      return built;
    } catch (cause) {
      if (systemCode(cause) !== 'ENOSPC' && !/ENOSPC/.test(messageOf(cause))) throw cause;
      throw new OpenCraneError(
        'resource_exhausted',
        'disk_full',
        `building the bundle of OpenClaw ${found.version}: the disk is full`,
        {
          cause,
          mend: `free about 1.5 GB where ${stages} is`,
        },
      );
    } finally {
      await removeTree(stage);
    }
  }

  async #download(version: string, tree: string, progress: BuildProgress): Promise<void> {
    const measuring = new AbortController();
    const measured = this.#measure(version, tree, progress, measuring.signal);
    try {
      // Layout and flags: see docs/adr/0007-bundles.md. Scripts stay off: none is needed, and they are others' code.
      const args = [
        'install',
        '--global',
        '--prefix',
        tree,
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        `openclaw@${version}`,
      ];
      const result = await this.#options.npm(args, this.#closing.signal);
      if (result.code === 0) return;
      throw new OpenCraneError(
        'failed_precondition',
        'runtime_install_failed',
        `npm cannot install OpenClaw ${version}: ${npmComplaint(result)}`,
        {
          field: 'version',
          mend: 'choose another version, or give this machine what npm asks for',
        },
      );
    } finally {
      measuring.abort();
      await measured;
    }
  }

  async #measure(version: string, tree: string, progress: BuildProgress, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const began = clock.monotonic();
      const done = await sizeOf(tree);
      // Measuring a tree that grows to 41,000 entries must stay a small share of the work.
      const rest = Math.max(MEASURE_MILLIS, MEASURE_SHARE * (clock.monotonic() - began));
      progress('download', `installing ${version} from npm`, done, Math.max(TYPICAL_BYTES, done));
      await clock.sleep(rest, signal).catch(() => {});
    }
  }
}

/** Operating system and architecture, such as `linux-x64`. */
export function platformName({ os, arch }: RuntimePlatform): string {
  return `${os}-${arch}`;
}

/**
 * Runs one of OpenClaw's commands, which finishes what its skipped install script would have done. After it the tree is
 * never written again. (OpenClaw leaves `.openclaw-lifecycle-pending` until then; seen on 2026.9.6.)
 */
async function settle(tree: string, home: string, environment: NodeJS.ProcessEnv): Promise<void> {
  await mkdir(home, { recursive: true });
  const entry = join(tree, 'lib', 'node_modules', 'openclaw', 'openclaw.mjs');
  const env = {
    ...buildEnvironment(environment, { home, tmp: home }),
    OPENCLAW_STATE_DIR: join(home, 'state'),
    OPENCLAW_NO_AUTO_UPDATE: '1',
    OPENCLAW_OFFLINE: '1',
  };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, 'config', 'schema'], {
    env,
    cwd: home,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (data) => {
    words = (words + data).slice(-4000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  throw new OpenCraneError(
    'failed_precondition',
    'runtime_does_not_run',
    `this OpenClaw does not run here: ${words.trim() || `it exited with ${code}`}`,
    {
      mend: 'choose another version',
    },
  );
}

/** Bytes on disk below a folder, in the coarse way that progress needs: blocks of files, links not followed. */
async function sizeOf(folder: string): Promise<number> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) return 0;
  const child = spawn('du', ['-sk', folder], {
    env: pick(process.env, ['PATH']),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  await new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  return (Number.parseInt(output, 10) || 0) * 1024;
}
