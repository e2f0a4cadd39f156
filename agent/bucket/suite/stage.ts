/** What the parts of the suite share. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Body, Bucket, Generation } from '../bucket.ts';
import { parseObjectName } from '../layout.ts';

/** Declares a check, which gets a bucket of its own; each call of `another` gives the same one as another agent has it. */
export type On = (what: string, check: (bucket: Bucket, another: () => Bucket) => Promise<void>) => void;

/** An object's name. */
export const name = parseObjectName;

/** Content. */
export const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/** A generation that nobody was given. */
export const absent = 'not-a-generation' as Generation;

/** Creates an object that is not there. */
export async function written(bucket: Bucket, object: string, body: Body): Promise<Generation> {
  const generation = await bucket.create(name(object), body);
  assert.ok(generation !== 'exists', `${object} was there`);
  return generation;
}

/** The names that a list gives. */
export async function names(bucket: Bucket, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(bucket.list(prefix))).map((found) => found.name);
}

/** Asserts that a bucket is empty. */
export async function nothingIn(bucket: Bucket): Promise<void> {
  assert.deepEqual(await names(bucket, ''), []);
}

/** All of a stream that is there. */
export async function collected(stream: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  assert.ok(stream !== undefined, 'it is there');
  return Buffer.concat(await Array.fromAsync(stream));
}

/** Pieces of 1 byte to 1.5 MB, and empty ones. */
export async function* inPieces(content: Uint8Array): AsyncGenerator<Uint8Array> {
  const sizes = [1, 0, 65_536, 1_500_000, 777_777];
  for (let at = 0, i = 0; at < content.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    yield content.subarray(at, at + size);
    at += size;
  }
}

/** Bytes that compress badly and differ from place to place, the same in each run. */
export function noise(bytes: number): Buffer {
  const block = createHash('shake256', { outputLength: 65_521 }).update('noise').digest(); // a prime, so that no two MiB are alike
  return Buffer.alloc(bytes, block);
}

/** To compare what is too long to be shown. */
export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
