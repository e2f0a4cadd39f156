/** A bucket in memory, for tests, whose requests and answers may be lost, late or doubled. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Generation, ObjectName } from '../bucket/bucket.ts';
import type { LeaseBucket } from './lease-object.ts';

/** What becomes of one call. */
export type Fate =
  | 'fine'
  /** It never arrives; the caller waits until it has no more patience. */
  | 'request lost'
  /** It is done, and the caller never hears of it. */
  | 'answer lost'
  /** It is done when `arrive` is called, however long the caller has given up. */
  | 'request late'
  /** It is done twice, and the caller hears of the second time. */
  | 'doubled'
  /** The bucket says that it is away. */
  | 'refused';

/** The bucket. */
export class MemoryBucket implements LeaseBucket {
  readonly address = 'memory://test';
  /** What becomes of calls without a fate of their own. */
  usual: Fate = 'fine';
  /** Calls, by name, in their order. */
  readonly calls: string[] = [];
  readonly #objects = new Map<ObjectName, { readonly bytes: Uint8Array; readonly generation: Generation }>();
  readonly #fates: Fate[] = [];
  readonly #late: (() => void)[] = [];
  #writes = 0;

  /** Fates of the next calls. */
  next(...fates: readonly Fate[]): void {
    this.#fates.push(...fates);
  }

  /** Late requests arrive. */
  arrive(): void {
    for (const work of this.#late.splice(0)) work();
  }

  /** Writes as somebody with a fine connection and no manners. */
  put(name: ObjectName, text: string): Generation {
    return this.#write(name, new TextEncoder().encode(text));
  }

  remove(name: ObjectName): void {
    this.#objects.delete(name);
  }

  /** What an object says; undefined when it is not there. */
  text(name: ObjectName): string | undefined {
    const object = this.#objects.get(name);
    return object && new TextDecoder().decode(object.bytes);
  }

  create: LeaseBucket['create'] = (name, body, signal) =>
    this.#call('create', signal, () => (this.#objects.has(name) ? 'exists' : this.#write(name, inMemory(body))));

  replace: LeaseBucket['replace'] = (name, body, generation, signal) =>
    this.#call('replace', signal, () =>
      this.#objects.get(name)?.generation === generation ? this.#write(name, body) : 'conflict',
    );

  read: LeaseBucket['read'] = (name, _range, signal) => this.#call('read', signal, () => this.#objects.get(name));

  async #call<T>(what: string, signal: AbortSignal | undefined, work: () => T): Promise<T> {
    this.calls.push(what);
    const fate = this.#fates.shift() ?? this.usual;
    switch (fate) {
      case 'fine':
        return work();
      case 'doubled':
        work();
        return work();
      case 'refused':
        throw new OpenCraneError('unavailable', 'bucket_away', `${this.address}: 503`);
      case 'request late':
        this.#late.push(work);
        return silence(signal);
      case 'answer lost':
        work();
        return silence(signal);
      case 'request lost':
        return silence(signal);
    }
  }

  #write(name: ObjectName, bytes: Uint8Array): Generation {
    this.#writes += 1;
    const generation = String(this.#writes) as Generation; // the one place that brands
    this.#objects.set(name, { bytes, generation });
    return generation;
  }
}

function inMemory(body: Uint8Array | AsyncIterable<Uint8Array>): Uint8Array {
  if (body instanceof Uint8Array) return body;
  throw new Error('a lease is small');
}

function silence(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new DOMException('given up', 'AbortError')), { once: true });
  });
}
