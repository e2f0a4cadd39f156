/**
 * Fetches a bundle into a file.
 *
 *   (part of it is here) ──▶ read on from its end ──cut──▶ wait ──▶ read on from its end ──▶ whole ──▶ digest checked
 *                                                                          wrong ──▶ removed, once more ──wrong──▶ corrupt
 */
import { open, rm, stat } from 'node:fs/promises';
import { type BackoffOptions, backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { type Digest, digestOfFile } from '@opencrane/kit/digest.ts';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import { diskFull } from './bundle-unpack.ts';
import type { BlobReader, BundleSource } from './ports.ts';

/** A bundle to fetch. */
export type WantedBundle = { readonly digest: Digest; readonly bytes: number };

/** What fetching takes. */
export type DownloadPorts = {
  readonly blobs: BundleSource;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
};

/** Told how far it is; `waiting` when the coordinator cannot be reached. */
export type DownloadProgress = (doneBytes: number, waiting: boolean) => void;

const RETRY: BackoffOptions = { firstMillis: 500, maxMillis: 15_000 };

/** Fetches the bundle into `path`, going on from what is there. When this resolves its content has the digest. */
export async function downloadBundle(
  ports: DownloadPorts,
  wanted: WantedBundle,
  path: string,
  progress: DownloadProgress,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    if (await fetchesWell(ports, wanted, path, progress, signal)) return;
    await rm(path, { force: true });
    await ports.blobs.damaged(wanted.digest, signal);
  }
  throw new OpenCraneError(
    'data_loss',
    'bundle_corrupt',
    `fetching the bundle ${wanted.digest}: what came is not what its digest says, twice`,
    { mend: 'the coordinator’s copy is damaged: remove it there and build the version again' },
  );
}

/** Whether what came is the bundle. Throws what has nothing to do with its content. */
async function fetchesWell(...given: Parameters<typeof fetchWhole>): Promise<boolean> {
  const [, wanted, path, , signal] = given;
  try {
    await fetchWhole(...given);
  } catch (cause) {
    if (cause instanceof OpenCraneError && cause.reason === 'bundle_corrupt') return false;
    throw cause;
  }
  return (await digestOfFile(path, signal)) === wanted.digest;
}

/** Reads on until the file has all its bytes, however often the connection is cut. */
async function fetchWhole(
  ports: DownloadPorts,
  wanted: WantedBundle,
  path: string,
  progress: DownloadProgress,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    const before = await sizeOf(path);
    if (before > wanted.bytes) await rm(path); // not a part of this bundle
    if (before === wanted.bytes) return;
    try {
      await fetchRest(ports.blobs, wanted, path, progress, signal);
    } catch (cause) {
      signal.throwIfAborted();
      await judge(cause, path);
    }
    if ((await sizeOf(path)) > before) failures = 0;
    else {
      progress(before, true);
      await ports.clock.sleep(backoffMillis(failures, RETRY, ports.random) + 1, signal);
    }
  }
}

/** Lets pass what trying again may mend. A disk without room gets back what was fetched. */
async function judge(cause: unknown, path: string): Promise<void> {
  if (systemCode(cause) === 'ENOSPC') {
    await rm(path, { force: true });
    throw diskFull('fetching the bundle', cause);
  }
  if (!isPassing(cause)) throw cause;
}

async function fetchRest(
  blobs: BlobReader,
  { digest, bytes }: WantedBundle,
  path: string,
  progress: DownloadProgress,
  signal: AbortSignal,
): Promise<void> {
  const file = await open(path, 'a', 0o600);
  try {
    let done = (await file.stat()).size;
    for await (const { data, totalBytes } of blobs.read(digest, done, signal)) {
      if (totalBytes !== bytes || done + data.length > bytes) throw otherSize(digest, bytes, totalBytes);
      await file.appendFile(data);
      done += data.length;
      progress(done, false);
    }
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return 0;
    throw cause;
  }
}

/** Whether trying again may help: the coordinator is away or restarting, or the token was renewed meanwhile. */
function isPassing(cause: unknown): boolean {
  const passing = ['unavailable', 'deadline_exceeded', 'aborted', 'unauthenticated', 'internal'];
  return cause instanceof OpenCraneError && passing.includes(cause.code);
}

function otherSize(digest: Digest, wanted: number, found: number): OpenCraneError {
  return new OpenCraneError(
    'data_loss',
    'bundle_corrupt',
    `fetching the bundle ${digest}: the coordinator has ${found} bytes of it, the offer says ${wanted}`,
    { mend: 'the coordinator’s copy is damaged: remove it there and build the version again' },
  );
}
