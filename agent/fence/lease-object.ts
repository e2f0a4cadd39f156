/** The lease's object in the bucket: reads it and writes it, and decides nothing. */
import { OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Bucket, Generation, ObjectName } from '../bucket/bucket.ts';
import type { Found } from './lease.ts';
import { formatLeaseRecord, type LeaseRecord, parseLeaseRecord } from './lease-record.ts';

/** What a lease needs of a bucket. */
export type LeaseBucket = Pick<Bucket, 'address' | 'create' | 'replace' | 'read'>;

/** The object. */
export class LeaseObject {
  readonly #bucket: LeaseBucket;
  readonly #name: ObjectName;

  constructor(bucket: LeaseBucket, name: ObjectName) {
    this.#bucket = bucket;
    this.#name = name;
  }

  /** Where it is, for people. */
  get where(): string {
    return `${this.#bucket.address}/${this.#name}`;
  }

  /** What stands there; undefined when nothing does. */
  async read(signal: AbortSignal): Promise<Found | undefined> {
    return this.#doing('reading the lease', async () => {
      const read = await this.#bucket.read(this.#name, undefined, signal);
      return read && { record: parseLeaseRecord(read.bytes, this.where), generation: read.generation };
    });
  }

  /** Writes over a generation, or where there is nothing; `conflict` when something else stands there. */
  async write(
    record: LeaseRecord,
    over: Generation | undefined,
    signal: AbortSignal,
  ): Promise<Generation | 'conflict'> {
    const body = formatLeaseRecord(record);
    return this.#doing('writing the lease', async () => {
      if (over !== undefined) return this.#bucket.replace(this.#name, body, over, signal);
      const created = await this.#bucket.create(this.#name, body, signal);
      return created === 'exists' ? 'conflict' : created;
    });
  }

  async #doing<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const { code, reason, message, field, mend } = toOpenCraneError(cause, this.where);
      throw new OpenCraneError(code, reason, `${what}: ${message}`, { cause, field, mend });
    }
  }
}
