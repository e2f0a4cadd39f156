/** What the runtime applier needs from the rest of the agent. */
import type { Digest } from '@opencrane/kit/digest.ts';

/** An unpacked OpenClaw version on this machine. */
export type InstalledRuntime = {
  /** Exact version string. */
  readonly version: string;
  /** Digest of the bundle it was unpacked from. */
  readonly bundleDigest: Digest;
  /** Folder that holds `lib/node_modules/openclaw`. */
  readonly directory: string;
};

/** The OpenClaw process as the launcher sees it. */
export type RunningOpenClaw = { readonly pid: number; readonly version: string; readonly directory: string };

/** Starts and stops the tenant's OpenClaw. Implemented by the agent core with the launcher's client. */
export interface OpenClawControl {
  /** What runs now; undefined when no process does. */
  running(): Promise<RunningOpenClaw | undefined>;
  /** Drains and stops; resolves when the process is gone. Nothing running is not an error. */
  stop(reason: string, budgetMillis: number): Promise<void>;
  /**
   * Starts this runtime on the tenant's state, with the managed configuration laid over what the state holds.
   * Resolves when the process exists. Throws when another one runs.
   */
  start(runtimeDirectory: string, version: string): Promise<void>;
  /**
   * Resolves when `/startupz` reports ready and this very version. Throws `gateway_exited` with the last lines of its
   * output as soon as the process has ended once, whether or not the launcher starts it again; AbortError on the signal.
   */
  waitReady(version: string, signal: AbortSignal): Promise<void>;
}

/** Whether a version can open a state. */
export type Preflight = {
  /** `exact`: as it is; `migrates`: it will change it; `incompatible`: it must not; `unknown`: only a try will tell. */
  readonly verdict: 'exact' | 'migrates' | 'incompatible' | 'unknown';
  /** What the verdict rests on, for a person. */
  readonly message: string;
};

/** Asks the OpenClaw in a folder whether it can open the state in another. */
export type AskPreflight = (runtimeDirectory: string, state: string, signal: AbortSignal) => Promise<Preflight>;

/** Reads bundles from the coordinator. Implemented on the agent's gRPC channel. */
export interface BlobReader {
  /** The bundle's bytes from `offset` on. Throws OpenCraneError (`unavailable` when the connection was cut). */
  read(
    digest: Digest,
    offset: number,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly data: Uint8Array; readonly totalBytes: number }>;
}

/** Bundles from wherever they are; told when what came was not what its digest says, so that another copy is read next. */
export interface BundleSource extends BlobReader {
  damaged(digest: Digest, signal: AbortSignal): Promise<void>;
}
