/**
 * Manifests: one sealed object per snapshot.
 *
 *   header ‖ length of frame 0, 4 bytes, big-endian ‖ frame 0: summary, JSON
 *          ‖ frame 1: packs, JSON, packed by zstd ‖ frame 2: rows of the tree, JSON lines, packed by zstd
 *
 * The first two are short and can be read by themselves: to list snapshots, to walk a chain, to know what a snapshot needs.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import type { ObjectName } from '../../bucket/bucket.ts';
import { parseObjectName } from '../../bucket/layout.ts';
import { objectDamaged, objectMissing, objectShort, vaultNewerFormat } from '../errors.ts';
import type { Vault } from '../vault.ts';
import { freeBuffer } from './free-buffer.ts';
import { packLines, packWhole, unpackLines, unpackWhole } from './json-lines.ts';
import { formatOfRow, type PackRow, packsSchema, parseRow, type TreeRow } from './manifest-body.ts';
import { type ManifestRef, manifestRef } from './object-ids.ts';
import { HEADER_BYTES, ObjectOpener, ObjectSealer } from './sealed-object.ts';

const NEWEST_FORMAT = 2;
const PREFIX_BYTES = HEADER_BYTES + 4;
/** Enough for any summary that this version writes, so that one read gets it. */
const SUMMARY_READ_BYTES = 4096;

/** Why a snapshot was taken. */
const snapshotReasons = ['change', 'upgrade', 'drain', 'request', 'restore', 'accept'] as const;
/** Why a snapshot was taken. */
export type SnapshotReason = (typeof snapshotReasons)[number];

const count = z.int().nonnegative();
const manifestName = z
  .string()
  .transform(parseObjectName)
  .refine((name) => manifestRef(name) !== undefined);

const content = z.strictObject({ files: count, databases: count, openclaw: z.boolean() });
const lossWatch = z.strictObject({
  full: manifestName,
  best: content,
  since: count,
  before: content.nullable(),
  loss: z.strictObject({ last: manifestName, had: content, has: content }).nullable(),
});

const summarySchema = z.strictObject({
  format: z.union([z.literal(1), z.literal(NEWEST_FORMAT)]),
  sequence: count.min(1),
  /** 0 for a full manifest; else how many it descends from, the full one included. */
  depth: count,
  /** The snapshot before; null for the first. A delta is read on top of it. */
  parent: manifestName.nullable(),
  /** The full manifest at the root of a delta's chain; null for a full one. */
  base: manifestName.nullable(),
  /** What the clock of its writer said. */
  takenAtMillis: count,
  epoch: count,
  reason: z.enum(snapshotReasons),
  /** Of the OpenClaw that served; null before the first start. */
  openclawVersion: z.string().nullable(),
  /** Files and databases in the tree, and the sum of their sizes. */
  files: count,
  bytes: count,
  /** Content that the vault did not have, before packing; and the length of the packs written for it. */
  changedBytes: count,
  packedBytes: count,
  /** Whether most of what there was is gone (loss/loss-watch.ts); not in manifests of earlier agents. */
  watch: lossWatch.optional(),
  /** Length of frame 1. */
  packsBytes: count,
  /** Length of the rows, before packing. */
  rowsBytes: count,
});

type Facts = z.output<typeof summarySchema>;

/** A snapshot, without its tree. */
export type Summary = Omit<Facts, 'format' | 'packsBytes' | 'rowsBytes'>;

/** The object of a manifest, for the bucket. `packs` is asked when all rows were given. */
export async function sealManifest(
  { keys, random }: Vault,
  ref: ManifestRef,
  summary: Summary,
  rows: Iterable<TreeRow>,
  packs: () => readonly PackRow[],
): Promise<Buffer> {
  const sealer = new ObjectSealer(keys, 'manifest', ref.name, random);
  let format: 1 | 2 = 1;
  const seen = function* () {
    for (const row of rows) {
      if (formatOfRow(row) > format) format = formatOfRow(row);
      yield row;
    }
  };
  const tree = await packLines(seen());
  const third = sealer.seal(2, tree.packed);
  freeBuffer(tree.packed);
  const second = sealer.seal(1, await packWhole(packs()));
  const packsBytes = second.reduce((sum, piece) => sum + piece.length, 0);
  const facts: z.input<typeof summarySchema> = { format, ...summary, packsBytes, rowsBytes: tree.plainBytes };
  const first = Buffer.concat(sealer.seal(0, Buffer.from(JSON.stringify(facts))));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(first.length);
  const object = Buffer.concat([sealer.header, length, first, ...second, ...third]);
  for (const piece of third) freeBuffer(piece);
  return object;
}

/** Puts a manifest into the bucket. */
export async function createManifest(
  { bucket }: Vault,
  { name }: ManifestRef,
  object: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  if ((await bucket.create(name, object, signal)) !== 'exists') return;
  // Our own writing, when the answer got lost; or another's, if two chose one number, one millisecond and one random part.
  const there = await bucket.read(name, undefined, signal);
  if (there && Buffer.compare(there.bytes, object) === 0) return;
  throw new OpenCraneError('aborted', 'manifest_taken', `${name} is another's`, { mend: 'take the snapshot again' });
}

/** A manifest as it lies in the bucket. Packs and rows are opened when they are wanted: a chain has many. */
export type SealedManifest = {
  readonly ref: ManifestRef;
  readonly format: 1 | 2;
  readonly summary: Summary;
  /** Length of the object. */
  readonly bytes: number;
  packs(): Promise<PackRow[]>;
  /** The rows, as they are unpacked; to be used before the next are asked for. Once, and last: the object is given back. */
  rows(): AsyncGenerator<TreeRow[]>;
};

/** Reads a manifest. */
export async function readManifest(vault: Vault, ref: ManifestRef, signal?: AbortSignal): Promise<SealedManifest> {
  const bytes = await read(vault, ref.name, undefined, signal);
  const opener = new ObjectOpener(vault.keys, 'manifest', ref.name, bytes);
  const facts = openSummary(opener, ref, bytes);
  const packsAt = summaryEnd(bytes);
  const rowsAt = packsAt + facts.packsBytes;
  const { length } = bytes;
  return {
    ref,
    format: facts.format,
    summary: summaryOf(facts),
    bytes: length,
    packs: () => openPacks(opener, ref, bytes.subarray(packsAt, rowsAt)),
    async *rows() {
      const packed = opener.open(2, bytes.subarray(rowsAt));
      freeBuffer(bytes);
      try {
        for await (const lines of unpackLines(packed, facts.rowsBytes)) yield lines.map(parseRow);
      } catch (cause) {
        throw objectDamaged(ref.name, 'its third frame holds no tree', cause);
      } finally {
        freeBuffer(packed);
      }
    },
  };
}

/** Reads the summary of a manifest. */
export async function readSummary(vault: Vault, ref: ManifestRef, signal?: AbortSignal): Promise<Summary> {
  const start = await readUntil(vault, ref, summaryEnd, signal);
  return summaryOf(openSummary(new ObjectOpener(vault.keys, 'manifest', ref.name, start), ref, start));
}

/** Reads the list of packs that a manifest names. */
export async function readPacks(vault: Vault, ref: ManifestRef, signal?: AbortSignal): Promise<PackRow[]> {
  let start = await readUntil(vault, ref, summaryEnd, signal);
  const opener = new ObjectOpener(vault.keys, 'manifest', ref.name, start);
  const from = summaryEnd(start);
  const end = from + openSummary(opener, ref, start).packsBytes;
  start = await readUntil(vault, ref, () => end, signal);
  return openPacks(opener, ref, start.subarray(from, end));
}

/** Reads so much of a manifest that it reaches to what `end` says of it. */
async function readUntil(
  vault: Vault,
  { name }: ManifestRef,
  end: (start: Uint8Array) => number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const start = await read(vault, name, SUMMARY_READ_BYTES, signal);
  return start.length < SUMMARY_READ_BYTES || end(start) <= start.length
    ? start
    : read(vault, name, end(start), signal);
}

async function read(
  { bucket }: Vault,
  name: ObjectName,
  end: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const object = await bucket.read(name, end === undefined ? undefined : { start: 0, end }, signal);
  if (!object) throw objectMissing(name, 'it is a snapshot, or one that later snapshots descend from');
  return object.bytes;
}

function summaryEnd(start: Uint8Array): number {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  return start.length < PREFIX_BYTES ? PREFIX_BYTES : PREFIX_BYTES + view.getUint32(HEADER_BYTES);
}

function openSummary(opener: ObjectOpener, ref: ManifestRef, start: Uint8Array): Facts {
  const end = summaryEnd(start);
  if (end > start.length) throw objectShort(ref.name, start.length, end);
  const json: unknown = JSON.parse(opener.open(0, start.subarray(PREFIX_BYTES, end)).toString('utf8'));
  const newer = z.object({ format: z.int().gt(NEWEST_FORMAT) }).safeParse(json);
  if (newer.success) throw vaultNewerFormat(ref.name, newer.data.format);
  const parsed = summarySchema.safeParse(json);
  if (!parsed.success) throw objectDamaged(ref.name, 'its first frame is no summary', parsed.error);
  const { sequence, depth, takenAtMillis } = parsed.data;
  if (sequence !== ref.sequence || depth !== ref.depth || takenAtMillis !== ref.clockMillis)
    throw objectDamaged(ref.name, 'its name and its content are at odds');
  return parsed.data;
}

function summaryOf({ format: _, packsBytes: _packs, rowsBytes: _rows, ...summary }: Facts): Summary {
  return summary;
}

async function openPacks(opener: ObjectOpener, { name }: ManifestRef, sealed: Uint8Array): Promise<PackRow[]> {
  const packed = opener.open(1, sealed);
  try {
    return packsSchema.parse(await unpackWhole(packed));
  } catch (cause) {
    throw objectDamaged(name, 'its second frame is no list of packs', cause);
  }
}
