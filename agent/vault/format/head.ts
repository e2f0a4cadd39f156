/**
 * The head: the one object that says which snapshot is the newest. It is replaced only while it is still what we read, and
 * carries the epoch of the lease's holder: a new holder takes it under its own epoch before it writes anything.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import type { Generation } from '../../bucket/bucket.ts';
import { objectAt, parseObjectName } from '../../bucket/layout.ts';
import { headReplayed, headTaken, objectDamaged, objectMissing, vaultNewerFormat } from '../errors.ts';
import type { Vault } from '../vault.ts';
import { readSummary } from './manifest.ts';
import { listManifests, type ManifestRef, manifestRef } from './object-ids.ts';
import { HEADER_BYTES, ObjectOpener, ObjectSealer } from './sealed-object.ts';

const FORMAT = 1;
const NAME = objectAt({ kind: 'head' });
/** Tries of a replace that others keep losing to us and we to them. A lease has one holder, so two do. */
const TRIES = 5;

const schema = z.strictObject({
  format: z.literal(FORMAT),
  /** Of the lease under which it was written. */
  epoch: z.int().nonnegative(),
  /** The newest manifest; null before the first snapshot. */
  manifest: z.string().nullable(),
});

/** The newest snapshot, and who may move the head. `generation` is what a move must find. */
export type Head = {
  readonly epoch: number;
  readonly newest: ManifestRef | undefined;
  readonly generation: Generation;
};

/** Reads the head; undefined when there is none. */
export async function readHead({ bucket, keys }: Vault, signal?: AbortSignal): Promise<Head | undefined> {
  const object = await bucket.read(NAME, undefined, signal);
  if (!object) return undefined;
  const plain = new ObjectOpener(keys, 'head', NAME, object.bytes).open(0, object.bytes.subarray(HEADER_BYTES));
  const json: unknown = JSON.parse(plain.toString('utf8'));
  const newer = z.object({ format: z.int().gt(FORMAT) }).safeParse(json);
  if (newer.success) throw vaultNewerFormat(NAME, newer.data.format);
  const { epoch, manifest } = schema.parse(json);
  const newest = manifest === null ? undefined : manifestRef(parseObjectName(manifest));
  if (manifest !== null && !newest) throw objectDamaged(NAME, `"${manifest}" is no manifest`);
  return { epoch, newest, generation: object.generation };
}

/** Reads the head; throws when it is an old one, or missing though there are snapshots. */
export async function checkedHead(vault: Vault, signal?: AbortSignal): Promise<Head | undefined> {
  const head = await readHead(vault, signal);
  await checkNotReplayed(vault, head, signal);
  return head;
}

/**
 * Takes the head under our epoch, so that no holder of an older one can move it any more. Without one it makes an empty one.
 * Throws when a newer epoch has it, when it is an old one that was put back, or when it is missing though snapshots are there.
 */
export async function adoptHead(vault: Vault, epoch: number, signal?: AbortSignal): Promise<Head> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const head = await checkedHead(vault, signal);
    if (head && head.epoch > epoch) throw headTaken(NAME, head.epoch, epoch);
    if (head?.epoch === epoch) return head;
    const bytes = seal(vault, epoch, head?.newest);
    const written = head
      ? await vault.bucket.replace(NAME, bytes, head.generation, signal)
      : await vault.bucket.create(NAME, bytes, signal);
    if (written !== 'conflict' && written !== 'exists') return { epoch, newest: head?.newest, generation: written };
  }
  return lostRace(vault, epoch, signal);
}

/** Reads the head that was adopted. Throws when it is not ours any more. */
export async function rereadHead(vault: Vault, epoch: number, signal?: AbortSignal): Promise<Head> {
  const head = await readHead(vault, signal);
  return head?.epoch === epoch ? head : lostRace(vault, epoch, signal);
}

/** Moves the head to a manifest that lies in the bucket. Throws when it is not ours any more. */
export async function moveHead(vault: Vault, from: Head, to: ManifestRef, signal?: AbortSignal): Promise<Head> {
  const { epoch } = from;
  const written = await vault.bucket.replace(NAME, seal(vault, epoch, to), from.generation, signal);
  if (written !== 'conflict') return { epoch, newest: to, generation: written };
  // A request whose answer got lost and that was sent again finds its own writing.
  const head = await readHead(vault, signal);
  if (head?.epoch === epoch && head.newest?.name === to.name) return head;
  return lostRace(vault, epoch, signal);
}

/**
 * Points the head at a snapshot that opens, whatever the head is now: an old one that was put back, damaged, missing. For a
 * person who has decided that this is the newest; whoever calls holds the lease of that epoch.
 */
export async function pointHeadAt(vault: Vault, to: ManifestRef, epoch: number, signal?: AbortSignal): Promise<Head> {
  await readSummary(vault, to, signal);
  const readable = await readHead(vault, signal).catch(unlessDamaged);
  if (readable && readable.epoch > epoch) throw headTaken(NAME, readable.epoch, epoch);
  const there = await vault.bucket.info(NAME, signal);
  const bytes = seal(vault, epoch, to);
  const written = there
    ? await vault.bucket.replace(NAME, bytes, there.generation, signal)
    : await vault.bucket.create(NAME, bytes, signal);
  if (written === 'conflict' || written === 'exists') return lostRace(vault, epoch, signal);
  return { epoch, newest: to, generation: written };
}

function unlessDamaged(cause: unknown): undefined {
  if (!(cause instanceof OpenCraneError) || cause.code !== 'data_loss') throw cause;
}

/**
 * Two manifests in a chain beyond the head prove that it is an old one: the second is only written when the head has moved to
 * the first. Throws also when the head is missing though it must have been there.
 */
async function checkNotReplayed(vault: Vault, head: Head | undefined, signal: AbortSignal | undefined): Promise<void> {
  const sequence = head?.newest?.sequence ?? 0;
  const [newest] = (await listManifests(vault.bucket, undefined, signal))
    .filter((ref) => ref.sequence >= sequence + 2)
    .reverse();
  if (!newest) return;
  await readSummary(vault, newest, signal); // anyone who may write to the bucket can put a name there; only ours open
  if (!head) throw objectMissing(NAME, `there are snapshots up to ${newest.name}, so there was one`);
  throw headReplayed(NAME, sequence, newest.name);
}

async function lostRace(vault: Vault, epoch: number, signal: AbortSignal | undefined): Promise<never> {
  const head = await readHead(vault, signal);
  if (!head) throw objectMissing(NAME, 'it was there a moment ago');
  throw headTaken(NAME, head.epoch, epoch);
}

function seal({ keys, random }: Vault, epoch: number, newest: ManifestRef | undefined): Buffer {
  const sealer = new ObjectSealer(keys, 'head', NAME, random);
  const content: z.input<typeof schema> = { format: FORMAT, epoch, manifest: newest?.name ?? null };
  return Buffer.concat([sealer.header, ...sealer.seal(0, Buffer.from(JSON.stringify(content)))]);
}
