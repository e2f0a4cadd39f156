/**
 * The folder of unpacked runtimes, which the tenants of one machine share: `HEX/` is whole, `HEX.partial-…` is not.
 * Whoever lacks one takes the folder's lock, so that it is fetched and unpacked once for all.
 */
import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { bundleMarker } from '@opencrane/kit/bundle-format.ts';
import { type Digest, hexOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import { type ProcessLock, takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import type { ReportProgress } from '../appliers/applier.ts';
import { faultPoint } from '../fault-point.ts';
import { compileCacheOf } from '../openclaw/compile-cache.ts';
import { type DownloadPorts, downloadBundle } from './bundle-download.ts';
import { diskFull, unpackBundle } from './bundle-unpack.ts';
import type { InstalledRuntime } from './ports.ts';

/** A runtime that is wanted on this machine. */
export type WantedRuntime = { readonly version: string; readonly bundleDigest: Digest; readonly bundleBytes: number };

/** Between two looks at a lock that another agent holds. */
const LOCK_MILLIS = 300;
/** How often the unpacking process may be killed. */
const UNPACK_ATTEMPTS = 3;

/** The folder of unpacked runtimes. */
export class InstalledRuntimes {
  readonly #folder: string;
  readonly #ports: DownloadPorts;

  constructor(folder: string, ports: DownloadPorts) {
    this.#folder = folder;
    this.#ports = ports;
  }

  /** Where a bundle is unpacked, or would be. */
  directory(bundleDigest: Digest): string {
    return join(this.#folder, hexOf(bundleDigest));
  }

  /** Makes sure that a runtime is unpacked here; needs no network when it is. Its bundle's digest is checked before any of it runs. */
  async ensure(wanted: WantedRuntime, report: ReportProgress, signal: AbortSignal): Promise<InstalledRuntime> {
    const { version, bundleDigest } = wanted;
    const directory = this.directory(bundleDigest);
    const installed = { version, bundleDigest, directory };
    await mkdir(this.#folder, { recursive: true, mode: 0o755 });
    await mkdir(compileCacheOf(this.#folder), { recursive: true, mode: 0o700 }).catch(() => {}); // see there
    if (await isWhole(directory)) return installed;
    const lock = await this.#lock(version, report, signal);
    try {
      if (!(await isWhole(directory))) await this.#fetchAndUnpack(wanted, report, signal);
      return installed;
    } catch (cause) {
      if (systemCode(cause) === 'ENOSPC') throw diskFull(`preparing OpenClaw ${version}`, cause);
      throw cause;
    } finally {
      lock.release();
    }
  }

  async #lock(version: string, report: ReportProgress, signal: AbortSignal): Promise<ProcessLock> {
    for (;;) {
      try {
        return takeProcessLock(join(this.#folder, 'lock'), 'an agent that prepares a runtime');
      } catch (cause) {
        if (!(cause instanceof OpenCraneError && cause.reason === 'lock_held')) throw cause;
        report('download', `another agent of this machine prepares OpenClaw ${version}`);
        await this.#ports.clock.sleep(LOCK_MILLIS, signal);
      }
    }
  }

  async #fetchAndUnpack(wanted: WantedRuntime, report: ReportProgress, signal: AbortSignal): Promise<void> {
    const { version, bundleDigest, bundleBytes: bytes } = wanted;
    const directory = this.directory(bundleDigest);
    await this.#removePartials(hexOf(bundleDigest));
    const bundle = `${directory}.download`;
    const onDownload = (done: number, waiting: boolean) =>
      report('download', waiting ? 'waiting for the coordinator' : `downloading OpenClaw ${version}`, done, bytes);
    await downloadBundle(this.#ports, { digest: bundleDigest, bytes }, bundle, onDownload, signal);
    faultPoint('runtime:downloaded');
    await this.#unpack(bundle, wanted, report, signal);
    await syncFolder(this.#folder);
    faultPoint('runtime:unpacked');
    await rm(bundle, { force: true });
  }

  /** A process that was killed (for its memory, say) says nothing against the bundle, so it is tried again. */
  async #unpack(bundle: string, wanted: WantedRuntime, report: ReportProgress, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#unpackOnce(bundle, wanted, report, signal);
      } catch (cause) {
        const isEnded = cause instanceof OpenCraneError && cause.reason === 'unpack_ended';
        if (!isEnded && !signal.aborted) await rm(bundle, { force: true });
        if (!isEnded || attempt === UNPACK_ATTEMPTS) throw cause;
      }
    }
  }

  async #unpackOnce(bundle: string, wanted: WantedRuntime, report: ReportProgress, signal: AbortSignal): Promise<void> {
    const { version, bundleDigest, bundleBytes } = wanted;
    const directory = this.directory(bundleDigest);
    const partial = `${directory}.partial-${randomBytes(6).toString('hex')}`;
    const onUnpack = (done: number) => report('unpack', `unpacking OpenClaw ${version}`, done, bundleBytes);
    try {
      await unpackBundle(bundle, partial, onUnpack, signal);
      await writeFile(join(partial, bundleMarker), `${bundleDigest}\n`);
      await rename(partial, directory);
    } catch (cause) {
      await removeTree(partial);
      throw cause;
    }
  }

  /** What agents that were killed left behind; only the holder of the lock may know that nobody works on it. */
  async #removePartials(hex: string): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      // A tree under its own name without its marker is one whose removal was cut off.
      if (name === hex || name.startsWith(`${hex}.partial-`)) await removeTree(join(this.#folder, name));
    }
  }
}

async function isWhole(directory: string): Promise<boolean> {
  try {
    await access(join(directory, bundleMarker));
    return true;
  } catch {
    return false;
  }
}
