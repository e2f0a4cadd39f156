/**
 * The folder of unpacked runtimes, which the tenants of one machine share: `HEX/` is whole, `HEX.partial-…` is not.
 * Whoever lacks one takes the folder's lock, so that it is fetched and unpacked once for all.
 */
import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import { hexOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import { type ProcessLock, takeProcessLock } from '@opencrane/kit/process-lock.ts';
import type { ReportProgress } from '../appliers/applier.ts';
import { faultPoint } from '../fault-point.ts';
import { type DownloadPorts, downloadBundle, type WantedBundle } from './bundle-download.ts';
import { diskFull, unpackBundle } from './bundle-unpack.ts';

/** Between two looks at a lock that another agent holds. */
const LOCK_MILLIS = 300;
/** Written last into a tree, with its digest. */
const MARKER = '.opencrane-bundle';

/** The folder of unpacked runtimes. */
export class RuntimeFolder {
  readonly #folder: string;
  readonly #ports: DownloadPorts;

  constructor(folder: string, ports: DownloadPorts) {
    this.#folder = folder;
    this.#ports = ports;
  }

  /** Where a bundle is unpacked, or would be. */
  directory({ digest }: Pick<WantedBundle, 'digest'>): string {
    return join(this.#folder, hexOf(digest));
  }

  /** Makes sure that a bundle is unpacked here, and returns where. Nothing of it was run before its digest was checked. */
  async ensure(wanted: WantedBundle, version: string, report: ReportProgress, signal: AbortSignal): Promise<string> {
    const directory = this.directory(wanted);
    if (await isWhole(directory)) return directory;
    await mkdir(this.#folder, { recursive: true, mode: 0o755 });
    const lock = await this.#lock(version, report, signal);
    try {
      if (!(await isWhole(directory))) await this.#fetchAndUnpack(wanted, version, report, signal);
      return directory;
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

  async #fetchAndUnpack(
    wanted: WantedBundle,
    version: string,
    report: ReportProgress,
    signal: AbortSignal,
  ): Promise<void> {
    const directory = this.directory(wanted);
    await this.#removePartials(hexOf(wanted.digest));
    const bundle = `${directory}.download`;
    const onDownload = (done: number, waiting: boolean) =>
      report(
        'download',
        waiting ? 'waiting for the coordinator' : `downloading OpenClaw ${version}`,
        done,
        wanted.bytes,
      );
    await downloadBundle(this.#ports, wanted, bundle, onDownload, signal);
    faultPoint('runtime:downloaded');
    const partial = `${directory}.partial-${randomBytes(6).toString('hex')}`;
    const onUnpack = (done: number) => report('unpack', `unpacking OpenClaw ${version}`, done, wanted.bytes);
    try {
      await unpackBundle(bundle, partial, onUnpack, signal);
      await writeFile(join(partial, MARKER), `${wanted.digest}\n`);
      await rename(partial, directory);
    } catch (cause) {
      await rm(partial, { recursive: true, force: true });
      if (!isEnded(cause)) await rm(bundle, { force: true });
      throw cause;
    }
    await syncFolder(this.#folder);
    faultPoint('runtime:unpacked');
    await rm(bundle, { force: true });
  }

  /** What agents that were killed left behind; only the holder of the lock may know that nobody works on it. */
  async #removePartials(hex: string): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith(`${hex}.partial-`)) await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }
}

async function isWhole(directory: string): Promise<boolean> {
  try {
    await access(join(directory, MARKER));
    return true;
  } catch {
    return false;
  }
}

/** Whether the unpacking process was ended from outside: the bundle is good and need not be fetched again. */
function isEnded(cause: unknown): boolean {
  return (
    cause instanceof Error && (cause.name === 'AbortError' || ('reason' in cause && cause.reason === 'unpack_ended'))
  );
}
