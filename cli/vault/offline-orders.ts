/** What is done to a vault only while no agent has its tenant, with the bucket and the key. */
import { z } from 'zod';
import type { Context } from '../command.ts';
import { runOffline } from './offline-child.ts';
import { readResult } from './offline-words.ts';
import { showProgress } from './show-progress.ts';
import type { BucketWay } from './way.ts';

const rotated = z.object({
  rotated: z.object({
    /** Ids of the keys, as in the names of slots. */
    oldKey: z.string(),
    newKey: z.string(),
    /** Of the data key that new objects are sealed with. */
    generation: z.number(),
  }),
});

const snapshot = z.object({ sequence: z.number(), takenAtMillis: z.number() });
const recovered = z.object({
  recovered: z.object({
    /** The snapshot that is good. */
    of: snapshot,
    /** The newest from now on: that one, or a copy of it. */
    newest: snapshot,
    /** False when all was well. */
    changed: z.boolean(),
  }),
});

const removed = z.object({
  removed: z.object({
    objects: z.number(),
    bytes: z.number(),
    /** Whether anything is in the bucket still: no agent was ever there then. */
    left: z.boolean(),
  }),
});

/** What came of a rotation. */
export type Rotated = z.output<typeof rotated>['rotated'];

/** What came of a recovery. */
export type Recovered = z.output<typeof recovered>['recovered'];

/** What came of a removal. */
export type Removed = z.output<typeof removed>['removed'];

/** Removes the vault and everything else in its bucket. */
export async function removeVault(context: Context, way: BucketWay): Promise<Removed> {
  return readResult(removed, await order(context, way, ['--remove'])).removed;
}

/** Gives the vault another tenant key. */
export async function rotateKey(context: Context, way: BucketWay, newKeyFile: string): Promise<Rotated> {
  return readResult(rotated, await order(context, way, ['--rotate-to', newKeyFile])).rotated;
}

/** Makes a snapshot the newest: that of a number, or the newest good one. */
export async function recover(context: Context, way: BucketWay, sequence: number | undefined): Promise<Recovered> {
  return readResult(recovered, await order(context, way, ['--recover', `${sequence ?? 'newest'}`])).recovered;
}

function order(context: Context, { bucket, keyFile }: BucketWay, words: readonly string[]): Promise<unknown> {
  const all = ['--bucket', bucket, '--key-file', keyFile, ...words];
  return showProgress(context, '', (heard) => runOffline(context, { arguments: all, heard }));
}
