/**
 * The unpacked runtimes of this machine. A runtime is there when its folder has its name: it is unpacked beside it, its
 * marker is written last, and then it is renamed. Of two agents that unpack at once, one wins.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Digest, hexOf } from '@opencrane/kit/digest.ts';
import { type ErrorCode, OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import { processExists } from '@opencrane/kit/lifecycle.ts';
import { z } from 'zod';
import type { ReportProgress } from '../appliers/applier.ts';
import { faultPoint } from '../fault-point.ts';
import { bundleFile, downloadBundle } from './bundle-download.ts';
import type { BlobReader, InstalledRuntime } from './ports.ts';

/** A runtime that is wanted on this machine. */
export type WantedRuntime = { readonly version: string; readonly bundleDigest: Digest; readonly bundleBytes: number };

const MARKER = '.opencrane-runtime';
/** What 2026.9.6 unpacks to, as tar; only for progress. */
const UNPACKED_SHARE = 4.2;

const line = z.union([
  z.object({ done: z.number() }),
  z.object({ error: z.object({ code: z.string(), reason: z.string(), message: z.string(), mend: z.string() }) }),
]);

/** The folder of unpacked runtimes, which the tenants of one machine may share. */
export class InstalledRuntimes {
  readonly #folder: string;
  readonly #blobs: BlobReader;

  constructor(folder: string, blobs: BlobReader) {
    this.#folder = folder;
    this.#blobs = blobs;
  }

  /** Where a bundle is unpacked, or will be. */
  directory(digest: Digest): string {
    return join(this.#folder, hexOf(digest));
  }

  /** Removes what processes that are gone left half unpacked. */
  async sweep(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names) {
      const owner = /\.unpacking-(\d+)-/.exec(name)?.[1];
      if (owner !== undefined && !processExists(Number(owner)))
        await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }

  /** Makes sure that a runtime is unpacked here. Without a network when its bundle or the runtime itself is here. */
  async ensure(wanted: WantedRuntime, report: ReportProgress, signal: AbortSignal): Promise<InstalledRuntime> {
    const { version, bundleDigest } = wanted;
    const directory = this.directory(bundleDigest);
    const installed = { version, bundleDigest, directory };
    if (await exists(join(directory, MARKER))) return installed;
    const bundle = await downloadBundle({
      blobs: this.#blobs,
      digest: bundleDigest,
      bytes: wanted.bundleBytes,
      folder: this.#folder,
      progress: (done, total) => report('download', `downloading OpenClaw ${version}`, done, total),
      signal,
    });
    await this.#unpack(bundle, wanted, directory, report, signal);
    faultPoint('boot:unpacked');
    await rm(bundleFile(this.#folder, bundleDigest), { force: true }); // the unpacked one serves; the coordinator has the bundle
    return installed;
  }

  async #unpack(
    bundle: string,
    { version, bundleDigest, bundleBytes }: WantedRuntime,
    directory: string,
    report: ReportProgress,
    signal: AbortSignal,
  ): Promise<void> {
    const draft = `${directory}.unpacking-${process.pid}-${randomBytes(4).toString('hex')}`;
    await mkdir(draft, { recursive: true, mode: 0o700 });
    try {
      const total = Math.round(bundleBytes * UNPACKED_SHARE);
      await runUnpacker(
        bundle,
        draft,
        (done) => report('unpack', `unpacking OpenClaw ${version}`, Math.min(done, total), total),
        signal,
      );
      await writeFile(join(draft, MARKER), `${JSON.stringify({ version, bundleDigest })}\n`, { flush: true });
      await rename(draft, directory);
    } catch (cause) {
      const won = ['ENOTEMPTY', 'EEXIST'].includes(systemCode(cause)) && (await exists(join(directory, MARKER)));
      await rm(draft, { recursive: true, force: true });
      if (!won) throw cause;
    }
  }
}

async function runUnpacker(
  bundle: string,
  folder: string,
  progress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const program = join(import.meta.dirname, 'unpack-main.ts');
  const child = spawn(process.execPath, [program, bundle, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  let failure: OpenCraneError | undefined;
  for await (const text of createInterface({ input: child.stdout })) {
    const said = line.parse(JSON.parse(text));
    if ('done' in said) progress(said.done);
    // The code is one of ours: the other end of this pipe is our own program.
    else
      failure = new OpenCraneError(said.error.code as ErrorCode, said.error.reason, said.error.message, {
        mend: said.error.mend,
      });
  }
  const code = await ended;
  if (failure !== undefined) throw failure;
  if (code !== 0)
    throw new OpenCraneError('internal', 'unpacker_died', `unpacking ${bundle}: the unpacker ended with ${code}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
