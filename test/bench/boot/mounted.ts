/**
 * Starts of a tenant whose bucket is a real GCS Fuse mount: from the bundle in the bucket, beside `npm install` of the same
 * version onto the same mount, which is what a tenant that lives on its mount would do.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tenantFolders } from '@opencrane/agent/folders.ts';
import { openclawPackage } from '@opencrane/agent/openclaw/environment.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { startGcsServer } from '../../fixtures/gcs/gcs-server.ts';
import { mountGcsfuse } from '../../fixtures/gcs/gcsfuse-mount.ts';
import { loseDisk } from '../../fixtures/lost-disk.ts';
import { versions } from '../../fixtures/runtime-seed.ts';
import { removeHome, seededHome } from '../../fixtures/seeded-home.ts';
import { startByHand } from './by-hand.ts';
import { startOpenCrane } from './opencrane.ts';

/** How much faster than `npm install` it is to be; npm is ended when it has taken that much longer. */
export const TIMES_FASTER = 20;

/** What was measured, in milliseconds. */
export type Mounted = {
  /** Starts on a disk that has everything, and OpenClaw by hand on the same disk, in turns. */
  readonly restarts: readonly number[];
  readonly byHand: readonly number[];
  /** From nothing but the bucket and the key until ready. */
  readonly fromBucket: number;
  /** Of that, to have the runtime on the disk. */
  readonly runtime: number;
  /** `npm install` onto the mount. */
  readonly install: number;
  /** Whether it had come to its end by then. */
  readonly installed: boolean;
};

/** Measures, or says why it cannot. */
export async function benchMounted(starts: number): Promise<Mounted | { readonly skip: string }> {
  const gcs = await startGcsServer();
  if ('skip' in gcs) return gcs;
  const mount = await mountGcsfuse(gcs.url, await gcs.bucket());
  const home = await seededHome('real');
  try {
    if ('skip' in mount) return mount;
    return await measure(home, mount.path, starts);
  } finally {
    removeHome(home);
    if (!('skip' in mount)) await mount.unmount();
    await gcs.stop();
  }
}

async function measure(home: string, mount: string, starts: number): Promise<Mounted> {
  const environment = { ...process.env, OPENCRANE_BUCKETS: join(mount, '{tenant}') };
  const folders = tenantFolders(join(home, 'tenants', 'jente'));
  mkdirSync(join(mount, 'jente'));
  const first = await startOpenCrane(home, environment);
  const bundles = join(mount, 'jente', 'runtime', '*.tar.zst');
  await awaitFact('the bundle is in the bucket', () => globSync(bundles).length > 0, { withinMillis: 120_000 });
  await first.stop();

  const runtime = unpacked(home, versions.current);
  const [restarts, byHand]: [number[], number[]] = [[], []];
  for (let count = 0; count < starts; count += 1) {
    byHand.push(await startByHand(runtime, folders));
    const start = await startOpenCrane(home, environment);
    restarts.push(start.readyMillis);
    await start.stop();
  }

  loseDisk(home, 'jente');
  for (const folder of ['runtimes', 'blobs']) {
    rmSync(join(home, folder)); // a link to what all tests share
    mkdirSync(join(home, folder));
  }
  const again = await startOpenCrane(home, environment);
  await again.stop();
  const steps = again.steps.filter(({ name }) => ['download', 'unpack'].includes(name));
  const runtimeMillis = steps.reduce((sum, { began, last }) => sum + last - began, 0);
  return {
    restarts,
    byHand,
    fromBucket: again.readyMillis,
    runtime: runtimeMillis,
    ...(await install(mount, runtimeMillis)),
  };
}

/** Where a version is unpacked; the seed of all tests has others, and broken ones, too. */
function unpacked(home: string, version: string): string {
  const is = (folder: string) => {
    const file = join(openclawPackage(folder), 'package.json');
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === version;
  };
  const found = globSync(join(home, 'runtimes', '*/.opencrane-bundle')).map((marker) => dirname(marker));
  return found.find(is) ?? fail(`OpenClaw ${version} is not unpacked below ${home}`);
}

function fail(why: string): never {
  throw new Error(why);
}

/** npm, with a cache that has everything. */
async function install(mount: string, than: number): Promise<Pick<Mounted, 'install' | 'installed'>> {
  const folder = join(mount, 'by-npm');
  mkdirSync(folder);
  const words = ['install', `openclaw@${versions.current}`, '--no-audit', '--no-fund', '--prefer-offline'];
  const began = performance.now();
  const child = spawn('npm', [...words, '--prefix', folder], { stdio: 'ignore', detached: true });
  const { pid } = child;
  if (pid === undefined) throw new Error('npm could not be started');
  const tooLong = setTimeout(() => process.kill(-pid, 'SIGKILL'), than * TIMES_FASTER * 1.05);
  await once(child, 'exit');
  clearTimeout(tooLong);
  return { install: performance.now() - began, installed: child.exitCode === 0 };
}
