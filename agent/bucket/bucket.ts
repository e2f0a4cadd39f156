/**
 * The tenant's bucket as the agent needs it: few large objects, and single winners.
 *
 * Two implementations: a folder (a laptop's disk, a volume, a gcsfuse mount) and the GCS API. One suite holds both to
 * this page (bucket.suite.ts). A lost precondition is an answer, not an error.
 */

/** Name of an object: parts of `[A-Za-z0-9._-]`, none of them `.` or `..`, joined by `/`. Made by layout.ts. */
export type ObjectName = string & { readonly __brand: 'ObjectName' };

/** Which writing of an object: opaque, never the same for two writings of one name. */
export type Generation = string & { readonly __brand: 'Generation' };

/** An object without its content. */
export type ObjectInfo = {
  readonly name: ObjectName;
  readonly bytes: number;
  readonly generation: Generation;
  /** When it was written, by the clock of the bucket's own server; a folder has none but this machine's. */
  readonly serverMillis?: number;
};

/** What is written: bytes in memory, or pieces as they come (a bundle, a large pack). */
export type Body = Uint8Array | AsyncIterable<Uint8Array>;

/** A part of an object; `end` is exclusive. */
export type ByteRange = { readonly start: number; readonly end: number };

/** Writes and reads whole objects. Every call may throw an OpenCraneError: `unavailable` is worth trying again. */
export interface Bucket {
  /** For people: `gs://acme-jente`, `/data/openclaw`. */
  readonly address: string;
  /** Writes an object that must not be there yet. It appears whole or not at all. */
  create(name: ObjectName, body: Body, signal?: AbortSignal): Promise<Generation | 'exists'>;
  /** Replaces an object if its content is still that of `generation`. */
  replace(
    name: ObjectName,
    body: Uint8Array,
    generation: Generation,
    signal?: AbortSignal,
  ): Promise<Generation | 'conflict'>;
  /** Reads an object into memory, or a part of it. A range that ends past the object gives what is there. */
  read(
    name: ObjectName,
    range?: ByteRange,
    signal?: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly generation: Generation } | undefined>;
  /** Reads an object as a stream of pieces, from `start` on; undefined when it is not there. */
  stream(name: ObjectName, start?: number, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Looks at an object. */
  info(name: ObjectName, signal?: AbortSignal): Promise<ObjectInfo | undefined>;
  /** Every object whose name begins with `prefix`, by name. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo>;
  /** Removes an object; one that is not there is removed already. */
  delete(name: ObjectName, signal?: AbortSignal): Promise<void>;
}

/** What was removed. */
export type Erased = { readonly objects: number; readonly bytes: number };

/** A bucket whose tenant may go. */
export interface ErasableBucket extends Bucket {
  /**
   * Removes everything that is in it, whoever put it there, whatever its name, and older generations too; but for what begins
   * with one of `spared`. The bucket itself stays: whoever has tenants in buckets has made it. Cut off, the next call goes on.
   */
  erase(spared: readonly string[], signal?: AbortSignal): Promise<Erased>;
  /** Whether there is nothing that `erase` would remove. */
  isEmpty(signal?: AbortSignal): Promise<boolean>;
}
