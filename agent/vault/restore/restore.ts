/**
 * Restores a snapshot, or a part of it, into a new folder.
 *
 *   tree ──▶ TARGET.restoring: folders, links ──▶ content, frame by frame ──▶ modes and times of folders ──▶ on disk ──▶ TARGET
 *
 * The target is there when it is whole. What a crash left half done is done anew.
 */
import { mkdir, readdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '@opencrane/kit/atomic-file.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { isAbort, OpenCraneError, systemCode, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import type { Summary } from '../format/manifest.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { readFrames } from '../format/pack-reader.ts';
import { withGoodSnapshot } from '../history/good-snapshot.ts';
import { CLOCK_STEP_MILLIS, type Seen, type SeenFile, seenFile } from '../snapshot/seen-files.ts';
import { contentBytes } from '../tree/entries.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { Vault } from '../vault.ts';
import { FileWriter } from './file-writer.ts';
import { finishFolders, makeFolders, makeLinks } from './folders-and-links.ts';
import { giveOtherNames } from './other-names.ts';
import { type Part, partOfTree } from './part-of-tree.ts';
import { withShortRoot } from './short-root.ts';
import { canSyncFileSystem, syncFileSystem } from './sync-file-system.ts';
import { loadTimes, type Times } from './times.ts';
import { WriteOrder } from './write-order.ts';

/** What to restore, and whereto. */
export type RestoreRequest = {
  readonly snapshot: ManifestRef;
  /** A folder that is not there yet, or is empty. */
  readonly target: string;
  /** What to restore, relative to the state folder; everything when it is not given. */
  readonly path?: string;
};

/** What restoring takes. */
export type RestorePorts = {
  readonly clock: Clock;
  /** Awaited after each step, as `restore:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  /** Bytes of files that are written, and that will be. */
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
};

/** What was restored. */
export type Restored = {
  readonly summary: Summary;
  readonly files: number;
  readonly bytes: number;
  /** What is not as it was, in words. */
  readonly notes: readonly string[];
  /** For the snapshotter of that folder, so that it need not read everything again. Only of a whole snapshot. */
  readonly seen: Seen | undefined;
};

/** What was written. */
type Written = { readonly seen: Map<string, SeenFile>; readonly notes: readonly string[] };

/** Targets of this process: each has one draft, which whoever comes second would clear away under the first. */
const underWay = new Set<string>();

/** Restores. Damaged and missing objects are named, with the newest good snapshot before them. */
export async function restore(
  vault: Vault,
  request: RestoreRequest,
  ports: RestorePorts,
  signal: AbortSignal,
): Promise<Restored> {
  const { snapshot, target, path } = request;
  if (underWay.has(target)) throw targetInUse(target);
  underWay.add(target);
  try {
    await refuseOccupied(target);
    const { tree, summary } = await loadSnapshot(vault, snapshot, undefined, signal);
    const part = partOfTree(tree, path);
    await ports.onStep('restore:loaded');
    const { seen: files, notes } = await writePart(vault, tree, part, target, ports, signal);
    const seen = path === undefined ? { manifest: snapshot.name, files, positions: new Map() } : undefined;
    return { summary, files: countOf(part), bytes: bytesOf(part), notes, seen };
  } catch (cause) {
    throw isAbort(cause) ? cause : await withGoodSnapshot(vault, explained(cause, request), signal);
  } finally {
    underWay.delete(target);
  }
}

async function writePart(
  vault: Vault,
  tree: TreeIndex,
  part: Part,
  target: string,
  ports: RestorePorts,
  signal: AbortSignal,
): Promise<Written> {
  const draft = `${target}.restoring`;
  await removeTree(draft);
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    const written = await withShortRoot(draft, longestPath(part), (root) =>
      writeDraft(vault, tree, part, { draft, root }, ports, signal),
    );
    await rename(draft, target);
    await syncFolder(dirname(target));
    await ports.onStep('restore:done');
    return written;
  } catch (cause) {
    await removeTree(draft).catch(() => {}); // the first error counts; the next restore begins with this
    throw cause;
  }
}

async function writeDraft(
  vault: Vault,
  tree: TreeIndex,
  part: Part,
  { draft, root }: { readonly draft: string; readonly root: string },
  { clock, onStep, ...ports }: RestorePorts,
  signal: AbortSignal,
): Promise<Written> {
  const syncEach = !(await canSyncFileSystem());
  const times = await loadTimes();
  makeFolders(root, part.folders);
  const seen = makeLinks(root, part.links, times);
  await onStep('restore:folders');
  await writeFiles(vault, tree, part, { ...ports, root, syncEach, times, seen }, signal);
  const copies = giveOtherNames(part.otherNames, { root, times, syncEach }, seen);
  await onStep('restore:written');
  finishFolders(root, part.folders, { times, syncEach });
  if (!syncEach) await syncFileSystem(draft);
  // What is written from now on has later times than what was seen.
  await clock.sleep(CLOCK_STEP_MILLIS, signal);
  await onStep('restore:synced');
  return { seen, notes: [copies, times.note].filter((note) => note !== undefined) };
}

/** In bytes. */
function longestPath({ folders, links, files, otherNames }: Part): number {
  let longest = 0;
  for (const [path] of [...folders, ...links]) longest = Math.max(longest, Buffer.byteLength(path));
  for (const { path } of [...files, ...otherNames]) longest = Math.max(longest, Buffer.byteLength(path));
  return longest;
}

async function writeFiles(
  vault: Vault,
  tree: TreeIndex,
  { files }: Part,
  to: Pick<RestorePorts, 'onProgress'> & {
    readonly root: string;
    readonly syncEach: boolean;
    readonly times: Times;
    readonly seen: Map<string, SeenFile>;
  },
  signal: AbortSignal,
): Promise<void> {
  const order = new WriteOrder(
    tree,
    files.map(({ entry }) => entry),
  );
  const total = bytesOf({ files });
  let done = 0;
  const writer = new FileWriter({
    root: to.root,
    files,
    syncEach: to.syncEach,
    times: to.times,
    onFinished(path, stats) {
      const seen = seenFile(stats, Number.POSITIVE_INFINITY);
      if (seen) to.seen.set(path, seen);
    },
  });
  try {
    writer.writeEmpty();
    await readFrames(
      vault,
      order.wanted(),
      async (pack, frame, plain) => {
        for (const piece of order.piecesOf(pack, frame)) {
          await writer.write(piece, plain);
          done += piece.bytes;
        }
        to.onProgress(done, total);
      },
      signal,
    );
  } finally {
    writer.close();
  }
}

async function refuseOccupied(target: string): Promise<void> {
  const names = await readdir(target).catch((cause: unknown) => {
    if (systemCode(cause) === 'ENOENT') return [];
    throw cause;
  });
  if (names.length === 0) return;
  throw new OpenCraneError('already_exists', 'target_occupied', `${target} is there and not empty`, {
    field: target,
    mend: 'restore into a folder that is not there yet',
  });
}

function targetInUse(target: string): OpenCraneError {
  return new OpenCraneError('failed_precondition', 'target_in_use', `another restore into ${target} is running`, {
    field: target,
    mend: 'wait until it has ended, or restore into another folder',
  });
}

function explained(cause: unknown, { snapshot, target }: RestoreRequest): OpenCraneError {
  const doing = `restoring ${snapshot.name} into ${target}`;
  if (systemCode(cause) !== 'ENOSPC') return toOpenCraneError(cause, doing);
  return new OpenCraneError('resource_exhausted', 'disk_full', `${doing}: the disk is full`, {
    field: target,
    mend: 'free space and restore again; nothing was put in the place of anything',
    cause,
  });
}

function countOf({ files, otherNames }: Part): number {
  return files.length + otherNames.filter(({ entry }) => entry.kind !== 'link').length;
}

function bytesOf({ files }: Pick<Part, 'files'>): number {
  return files.reduce((sum, { entry }) => sum + contentBytes(entry), 0);
}
