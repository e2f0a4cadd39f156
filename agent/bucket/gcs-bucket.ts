/**
 * A bucket of Google Cloud Storage by its API, where generation preconditions decide single winners for all the world.
 *
 * A reply may be lost after the call was carried out. So every writing carries an id of its own in the object's metadata, and a
 * precondition that fails on a later attempt is looked into:
 *
 *   sent ──reply──▶ written
 *     └─ no reply ──▶ sent again ──reply──▶ written
 *                         └─ precondition failed ──look──▶ our id: written; another's, or none: lost
 *
 * A body that comes as a stream can be sent once. When its reply is lost, one look tells.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { interrupted, underSignal } from './abort.ts';
import type { Body, ByteRange, ErasableBucket, Erased, Generation, ObjectInfo, ObjectName } from './bucket.ts';
import { checkRange } from './byte-range.ts';
import { GcsApi, type GcsObject, type GcsTarget, type Media } from './gcs-api.ts';
import { checkPrefix, isObjectName, parseObjectName } from './layout.ts';
import { isUnavailable, type TryingPorts, trying } from './trying.ts';

/** What a bucket on GCS takes. */
export type GcsBucketPorts = TryingPorts & {
  /** An id that no other call of any agent has. */
  readonly newId: () => string;
  /** How long a connection may stand still. */
  readonly stallMillis: number;
};

/** Removals under way at a time: a removal takes some 50 ms, and a year's snapshots are 10,000 objects. */
const ERASING_AT_ONCE = 32;

/** A bucket behind the GCS API. */
export class GcsBucket implements ErasableBucket {
  readonly address: string;
  readonly #api: GcsApi;
  readonly #ports: GcsBucketPorts;
  #isThere = false;

  constructor(target: GcsTarget, ports: GcsBucketPorts) {
    this.address = `gs://${target.bucket}`;
    this.#api = new GcsApi(target, ports.stallMillis);
    this.#ports = ports;
  }

  create(name: ObjectName, body: Body, signal?: AbortSignal): Promise<Generation | 'exists'> {
    return this.#call('creating', name, signal, async (doing) => {
      const written = await (body instanceof Uint8Array
        ? this.#write(doing, { name, body, generation: '0' }, signal)
        : this.#writeOnce(doing, { name, body, generation: '0' }, signal));
      return written ?? 'exists';
    });
  }

  replace(
    name: ObjectName,
    body: Uint8Array,
    generation: Generation,
    signal?: AbortSignal,
  ): Promise<Generation | 'conflict'> {
    return this.#call('replacing', name, signal, async (doing) => {
      // A generation of another kind of bucket is none of this one's; 0 would create.
      if (!/^[1-9]\d*$/.test(generation)) return 'conflict';
      return (await this.#write(doing, { name, body, generation }, signal)) ?? 'conflict';
    });
  }

  async read(
    name: ObjectName,
    range?: ByteRange,
    signal?: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly generation: Generation } | undefined> {
    checkRange(range);
    const none = range !== undefined && range.start === range.end;
    return this.#call('reading', name, signal, (doing) =>
      this.#trying(signal, async () => {
        const media = none ? 'beyond' : await this.#media(doing, name, range, signal);
        if (media !== 'beyond') return media && { bytes: await bytesOf(media), generation: media.generation };
        const found = await this.#look(doing, name, signal);
        return found && { bytes: new Uint8Array(), generation: found.generation };
      }),
    );
  }

  async stream(name: ObjectName, start = 0, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    checkRange({ start, end: start });
    return this.#call('reading', name, signal, async (doing) => {
      const media = await this.#trying(signal, () => this.#media(doing, name, { start }, signal));
      if (media === 'beyond') return nothing();
      return media && pieces(media, doing, signal);
    });
  }

  info(name: ObjectName, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.#call('looking at', name, signal, async (doing) => {
      const found = await this.#trying(signal, () => this.#look(doing, name, signal));
      return found && infoOf(name, found);
    });
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<ObjectInfo> {
    const doing = `listing ${JSON.stringify(checkPrefix(prefix))} in ${this.address}`;
    let after: string | undefined;
    do {
      const page = await underSignal(doing, signal, () =>
        this.#trying(signal, () => this.#api.page(doing, { prefix, after }, signal)),
      );
      for (const object of page.objects) {
        if (isObjectName(object.name)) yield infoOf(object.name, object); // others are a person's own
      }
      after = page.next;
    } while (after !== undefined);
  }

  delete(name: ObjectName, signal?: AbortSignal): Promise<void> {
    return this.#call('removing', name, signal, (doing) =>
      this.#trying(signal, async () => {
        const removed = await this.#api.remove(doing, name, undefined, signal);
        if (!removed) await this.#checkBucket(doing, signal);
      }),
    );
  }

  erase(spared: readonly string[], signal?: AbortSignal): Promise<Erased> {
    const doing = `removing everything in ${this.address}`;
    return underSignal(doing, signal, async () => {
      const erased = { objects: 0, bytes: 0 };
      let after: string | undefined;
      do {
        // What is removed behind the token does not move what is before it.
        const request = { prefix: '', after, everyGeneration: true };
        const { objects, next } = await this.#trying(signal, () => this.#api.page(doing, request, signal));
        const doomed = objects.filter(({ name }) => !spared.some((prefix) => name.startsWith(prefix)));
        await inParallel(ERASING_AT_ONCE, doomed, async ({ name, bytes, generation }) => {
          await this.#trying(signal, () => this.#api.removeGeneration(doing, name, generation, signal));
          erased.objects += 1;
          erased.bytes += bytes;
        });
        after = next;
      } while (after !== undefined);
      return erased;
    });
  }

  isEmpty(signal?: AbortSignal): Promise<boolean> {
    const doing = `looking whether anything is in ${this.address}`;
    const request = { prefix: '', limit: 1, everyGeneration: true };
    return underSignal(doing, signal, async () => {
      const { objects, next } = await this.#trying(signal, () => this.#api.page(doing, request, signal));
      return objects.length === 0 && next === undefined;
    });
  }

  /** Writes a body in memory; undefined when the precondition failed and it was not our own earlier attempt that won. */
  #write(
    doing: string,
    upload: { readonly name: ObjectName; readonly body: Uint8Array; readonly generation: string },
    signal: AbortSignal | undefined,
  ): Promise<Generation | undefined> {
    const writing = this.#ports.newId();
    let unsure = false;
    return this.#trying(signal, async () => {
      const before = unsure;
      unsure = true;
      const written = await this.#api.upload(doing, { ...upload, writing }, signal);
      if (written !== 'lost') return written.object.generation;
      if (!before) return undefined;
      const found = await this.#api.look(doing, upload.name, signal);
      return found?.writing === writing ? found.generation : undefined;
    });
  }

  /** Writes a body that can be read once. */
  async #writeOnce(
    doing: string,
    upload: { readonly name: ObjectName; readonly body: Body; readonly generation: string },
    signal: AbortSignal | undefined,
  ): Promise<Generation | undefined> {
    const writing = this.#ports.newId();
    // Not to send in vain; and over a connection that has just answered, for there is only one attempt.
    if ((await this.#trying(signal, () => this.#look(doing, upload.name, signal))) !== undefined) return undefined;
    const written = await this.#api.upload(doing, { ...upload, writing }, signal).catch(async (cause: unknown) => {
      if (!isUnavailable(cause)) throw cause;
      const found = await this.#trying(signal, () => this.#api.look(doing, upload.name, signal));
      if (found === undefined) throw cause;
      return found.writing === writing ? { object: found, intact: true } : 'lost';
    });
    if (written === 'lost') return undefined;
    if (!written.intact) await this.#takeBack(doing, upload.name, written.object.generation);
    return written.object.generation;
  }

  /** Removes what arrived damaged, and nothing that came after it. Not under the caller's signal: it must not stay. */
  async #takeBack(doing: string, name: ObjectName, generation: Generation): Promise<never> {
    await this.#trying(undefined, () => this.#api.remove(doing, name, generation));
    throw new OpenCraneError('data_loss', 'upload_damaged', `${doing}: what arrived is not what was sent`, {
      mend: 'what arrived was removed again; try again',
    });
  }

  async #media(
    doing: string,
    name: ObjectName,
    range: { readonly start: number; readonly end?: number } | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Media | 'beyond' | undefined> {
    const media = await this.#api.media(doing, name, range ?? { start: 0 }, signal);
    if (media === undefined) await this.#checkBucket(doing, signal);
    else this.#isThere = true;
    return media;
  }

  async #look(doing: string, name: ObjectName, signal: AbortSignal | undefined): Promise<GcsObject | undefined> {
    const found = await this.#api.look(doing, name, signal);
    if (found === undefined) await this.#checkBucket(doing, signal);
    else this.#isThere = true;
    return found;
  }

  /** GCS says 404 for an object and for a bucket that is not there: they are told apart, once, by a list. */
  async #checkBucket(doing: string, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#isThere) await this.#api.page(doing, { prefix: '', limit: 1 }, signal);
    this.#isThere = true;
  }

  #trying<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    return trying(this.#ports, signal, call);
  }

  /** Does something with an object; an error says what was being done. */
  #call<T>(
    verb: string,
    name: ObjectName,
    signal: AbortSignal | undefined,
    call: (doing: string) => Promise<T>,
  ): Promise<T> {
    const doing = `${verb} ${name} in ${this.address}`;
    return underSignal(doing, signal, () => {
      parseObjectName(name);
      return call(doing);
    });
  }
}

async function inParallel<T>(width: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: width }, worker));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

function infoOf(name: ObjectName, { bytes, generation, createdMillis }: GcsObject): ObjectInfo {
  return { name, bytes, generation, ...(createdMillis !== undefined && { serverMillis: createdMillis }) };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* pieces(media: Media, doing: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    yield* media.body;
  } catch (cause) {
    throw interrupted(doing, signal, cause);
  }
}

/** All of it: what the server said it would send is what came. */
async function bytesOf({ body, bytes }: Media): Promise<Uint8Array> {
  const all = Buffer.allocUnsafeSlow(bytes);
  let done = 0;
  for await (const piece of body) {
    all.set(piece, done);
    done += piece.length;
  }
  if (done === bytes) return all;
  throw new OpenCraneError('unavailable', 'bucket_unreachable', `only ${done} of ${bytes} bytes came`);
}
