/** A snapshot, or a part of it, as a tar archive. Databases are in it as they were at one moment, and open without a -wal. */
import { isAbort, OpenCraneError, systemCode, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Summary } from '../format/manifest.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { withGoodSnapshot } from '../history/good-snapshot.ts';
import { partOfTree } from '../restore/part-of-tree.ts';
import { contentBytes, type Entry, type FileEntry, isFile } from '../tree/entries.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import type { TreeIndex } from '../tree/tree-index.ts';
import type { Vault } from '../vault.ts';
import { readFiles } from './read-files.ts';
import { ScratchFile } from './scratch-file.ts';
import { TAR_END, tarHardLink, tarHeader, tarPadding } from './tar.ts';

/** What to export. */
export type ExportRequest = {
  readonly snapshot: ManifestRef;
  /** What is at this path of the tree, all of it when it is empty. A folder becomes the root of the archive. */
  readonly path: string;
};

/** What exporting takes. */
export type ExportPorts = {
  /** A folder on a disk that is there, for files of more than 16 MiB, one at a time. */
  readonly scratchFolder: string;
  readonly newId: () => string;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
};

/** An archive that is about to be written. */
export type Archive = {
  readonly summary: Summary;
  readonly files: number;
  /** Length of the archive. */
  readonly bytes: number;
  /** Reads the bucket while they are taken, once. Damaged and missing objects are named, with the newest good snapshot. */
  readonly pieces: AsyncIterable<Uint8Array>;
};

/** What an archive has, by path. `first` is the path of what this is another name of. */
type Listed = readonly { readonly path: string; readonly entry: Entry; readonly first?: string }[];

/** Opens a snapshot for export. */
export async function openExport(
  vault: Vault,
  request: ExportRequest,
  ports: ExportPorts,
  signal: AbortSignal,
): Promise<Archive> {
  try {
    const { tree, summary } = await loadSnapshot(vault, request.snapshot, undefined, signal);
    const entries = entriesOf(tree, request.path);
    const bytes = entries.reduce((sum, one) => sum + lengthOf(one), TAR_END.length);
    const files = entries.filter(({ entry }) => isFile(entry)).length;
    return { summary, files, bytes, pieces: archive(vault, request, tree, entries, bytes, ports, signal) };
  } catch (cause) {
    throw await explained(vault, cause, request, ports, signal);
  }
}

/** By path, so that a folder comes before what is in it, and the first name of a file before its others. */
function entriesOf(tree: TreeIndex, path: string): Listed {
  const { folders, links, files, otherNames } = partOfTree(tree, path);
  const entries: Listed[number][] = [...files, ...otherNames];
  for (const [inside, entry] of [...folders, ...links]) entries.push({ path: inside, entry });
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function lengthOf(one: Listed[number]): number {
  const content = hasContent(one) ? contentBytes(one.entry) + tarPadding(contentBytes(one.entry)).length : 0;
  return headerOf(one).length + content;
}

function headerOf({ path, entry, first }: Listed[number]): Buffer {
  return first === undefined || entry.kind === 'folder' ? tarHeader(path, entry) : tarHardLink(path, entry, first);
}

function hasContent(one: Listed[number]): one is Listed[number] & { readonly entry: FileEntry } {
  return isFile(one.entry) && one.first === undefined;
}

async function* archive(
  vault: Vault,
  request: ExportRequest,
  tree: TreeIndex,
  entries: Listed,
  totalBytes: number,
  ports: ExportPorts,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  try {
    for await (const piece of piecesOf(vault, tree, entries, ports, signal)) {
      done += piece.length; // whoever takes it may give its memory away
      yield piece;
      ports.onProgress(done, totalBytes);
    }
  } catch (cause) {
    throw await explained(vault, cause, request, ports, signal);
  }
}

async function* piecesOf(
  vault: Vault,
  tree: TreeIndex,
  entries: Listed,
  { scratchFolder, newId }: ExportPorts,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const files = entries.filter(hasContent);
  const scratch = () => new ScratchFile(scratchFolder, `export-${newId()}`);
  const contents = readFiles({ vault, tree, scratch, signal }, files);
  for (const one of entries) {
    signal.throwIfAborted();
    yield headerOf(one);
    if (!hasContent(one)) continue;
    const content = await contents.next();
    if (!content.done) yield* content.value;
    yield tarPadding(contentBytes(one.entry));
  }
  yield TAR_END;
}

async function explained(
  vault: Vault,
  cause: unknown,
  { snapshot }: ExportRequest,
  { scratchFolder }: ExportPorts,
  signal: AbortSignal,
): Promise<unknown> {
  if (isAbort(cause) || signal.aborted) return cause;
  const doing = `exporting ${snapshot.name}`;
  if (systemCode(cause) !== 'ENOSPC') return withGoodSnapshot(vault, toOpenCraneError(cause, doing), signal);
  return new OpenCraneError('resource_exhausted', 'disk_full', `${doing}: the disk of ${scratchFolder} is full`, {
    field: scratchFolder,
    mend: 'free so much space as the largest file has; export a part of the snapshot that does not have it',
    cause,
  });
}
