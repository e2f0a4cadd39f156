/** The calls of the GCS JSON API that a bucket needs (https://cloud.google.com/storage/docs/json_api/v1/objects). */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import { orAborted } from './abort.ts';
import type { Body, Generation, ObjectName } from './bucket.ts';
import { statusError } from './gcs-errors.ts';
import type { Authorize } from './google-credentials.ts';
import { type HttpCall, HttpClient, type HttpReply } from './http-client.ts';
import { Multipart } from './multipart.ts';

/** Whom the calls go to, and as whom. */
export type GcsTarget = { readonly bucket: string; readonly endpoint: URL; readonly authorize: Authorize };

/** An object as the API describes it. */
export type GcsObject = {
  readonly name: string;
  readonly bytes: number;
  readonly generation: Generation;
  /** In base64. */
  readonly md5: string | undefined;
  /** Which call of an agent wrote it. */
  readonly writing: string | undefined;
  /** When this generation was written, by Google's clocks. */
  readonly createdMillis: number | undefined;
};

/** What is to be written, over the object of that generation; 0: over none. */
export type Upload = {
  readonly name: ObjectName;
  readonly body: Body;
  readonly generation: string;
  readonly writing: string;
};

/** The content of an object, or what was asked for of it. */
export type Media = {
  readonly bytes: number;
  readonly generation: Generation;
  readonly body: AsyncIterable<Uint8Array>;
};

/** Which part of a list. `everyGeneration`: also those that a bucket with object versioning keeps of what was replaced or removed. */
export type PageRequest = {
  readonly prefix: string;
  readonly after?: string | undefined;
  readonly limit?: number;
  readonly everyGeneration?: boolean;
};

/** A part of a list. `next` asks for the part after it. */
export type Page = { readonly objects: readonly GcsObject[]; readonly next: string | undefined };

/** Field of an object's own metadata. */
const WRITING = 'opencrane-writing';

/** What we read of an object; the rest would cost bytes. */
const FIELDS = 'name,size,generation,md5Hash,metadata,timeCreated';

const digits = z.string().regex(/^\d+$/);

const objectSchema = z
  .object({
    name: z.string(),
    size: digits,
    generation: digits,
    md5Hash: z.string().optional(),
    metadata: z.record(z.string(), z.string()).optional(),
    timeCreated: z.string().transform(Date.parse).pipe(z.int()).optional().catch(undefined),
  })
  .transform(
    (object): GcsObject => ({
      name: object.name,
      bytes: Number(object.size),
      generation: object.generation as Generation, // checked by the schema; GCS's own are decimal numbers
      md5: object.md5Hash,
      writing: object.metadata?.[WRITING],
      createdMillis: object.timeCreated,
    }),
  );

const pageSchema = z.object({ items: z.array(objectSchema).default([]), nextPageToken: z.string().optional() });

const mediaSchema = z.object({ 'x-goog-generation': digits, 'content-length': digits }).transform((headers) => ({
  generation: headers['x-goog-generation'] as Generation, // likewise
  bytes: Number(headers['content-length']),
}));

/** Each call may throw `unavailable`, `permission_denied`, `not_found` for the bucket, or the signal's reason. */
export class GcsApi {
  readonly #target: GcsTarget;
  readonly #http: HttpClient;

  constructor(target: GcsTarget, stallMillis: number) {
    this.#target = target;
    this.#http = new HttpClient(stallMillis);
  }

  /**
   * Writes an object by one request: it is whole or not there. `lost`: another generation is. Whether a stream arrived intact
   * is known when it is an object; a body in memory is checked by the server before it is one.
   */
  async upload(
    doing: string,
    upload: Upload,
    signal?: AbortSignal,
  ): Promise<{ readonly object: GcsObject; readonly intact: boolean } | 'lost'> {
    const { name, body, generation, writing } = upload;
    const framed = new Multipart({ name, metadata: { [WRITING]: writing } }, body);
    const query = { uploadType: 'multipart', name, ifGenerationMatch: generation, fields: FIELDS };
    const call = { doing, method: 'POST', url: this.#url('/upload', '', query) } as const;
    const reply = await this.#send({ ...call, headers: framed.headers, body: framed.pieces(signal) }, signal);
    if (reply.status === 412) return this.#drop(reply, 'lost');
    const object = await this.#parse(doing, reply, objectSchema);
    return { object, intact: framed.isDigest(object.md5) };
  }

  /** The content from `start` to before `end`. `beyond`: none of it is there. Undefined: no object, or no bucket. */
  async media(
    doing: string,
    name: ObjectName,
    { start, end }: { readonly start: number; readonly end?: number | undefined },
    signal?: AbortSignal,
  ): Promise<Media | 'beyond' | undefined> {
    const whole = start === 0 && end === undefined;
    const headers = whole ? {} : { range: `bytes=${start}-${end === undefined ? '' : end - 1}` };
    const url = this.#url('', `/${encodeURIComponent(name)}`, { alt: 'media' });
    const reply = await this.#send({ doing, method: 'GET', url, headers }, signal);
    if (reply.status === 404) return this.#drop(reply, undefined);
    if (reply.status === 416) return this.#drop(reply, 'beyond');
    if (reply.status !== 200 && reply.status !== 206) throw await this.#error(doing, reply);
    const head = mediaSchema.safeParse(reply.headers);
    if (head.success) return { ...head.data, body: reply.body };
    reply.discard();
    throw strange(doing, head.error);
  }

  /** What an object is; undefined: no object, or no bucket. */
  async look(doing: string, name: ObjectName, signal?: AbortSignal): Promise<GcsObject | undefined> {
    const url = this.#url('', `/${encodeURIComponent(name)}`, { fields: FIELDS });
    const reply = await this.#send({ doing, method: 'GET', url }, signal);
    if (reply.status === 404) return this.#drop(reply, undefined);
    return this.#parse(doing, reply, objectSchema);
  }

  /** A page of the objects whose names begin with `prefix`, by name. `limit`: at most so many, up to 1,000. */
  async page(
    doing: string,
    { prefix, after, limit = 1000, everyGeneration = false }: PageRequest,
    signal?: AbortSignal,
  ): Promise<Page> {
    const query = { prefix, maxResults: String(limit), fields: `items(${FIELDS}),nextPageToken` };
    const more = { ...(after !== undefined && { pageToken: after }), ...(everyGeneration && { versions: 'true' }) };
    const url = this.#url('', '', { ...query, ...more });
    const reply = await this.#send({ doing, method: 'GET', url }, signal);
    const { items, nextPageToken } = await this.#parse(doing, reply, pageSchema);
    return { objects: items, next: nextPageToken };
  }

  /** Removes an object; of that generation, if one is given. False: no object, no bucket, or another generation. */
  async remove(doing: string, name: ObjectName, generation?: Generation, signal?: AbortSignal): Promise<boolean> {
    const query: Record<string, string> = generation === undefined ? {} : { ifGenerationMatch: generation };
    const url = this.#url('', `/${encodeURIComponent(name)}`, query);
    const reply = await this.#send({ doing, method: 'DELETE', url }, signal);
    if (reply.status === 404 || reply.status === 412) return this.#drop(reply, false);
    if (reply.status >= 300) throw await this.#error(doing, reply);
    return this.#drop(reply, true);
  }

  /** Removes one generation of an object, for good; one that is not there is removed already. */
  async removeGeneration(doing: string, name: string, generation: Generation, signal?: AbortSignal): Promise<void> {
    const url = this.#url('', `/${encodeURIComponent(name)}`, { generation });
    const reply = await this.#send({ doing, method: 'DELETE', url }, signal);
    if (reply.status >= 300 && reply.status !== 404) throw await this.#error(doing, reply);
    await this.#drop(reply, undefined);
  }

  #url(before: string, object: string, query: Readonly<Record<string, string>>): URL {
    const { bucket, endpoint } = this.#target;
    const url = new URL(`${before}/storage/v1/b/${bucket}/o${object}`, endpoint);
    url.search = new URLSearchParams(query).toString();
    return url;
  }

  async #send(call: HttpCall, signal: AbortSignal | undefined): Promise<HttpReply> {
    const authorization = await orAborted(this.#target.authorize(call.url), signal);
    return this.#http.send({ ...call, headers: { ...authorization, ...call.headers } }, signal);
  }

  async #parse<T>(doing: string, reply: HttpReply, schema: z.ZodType<T>): Promise<T> {
    if (reply.status !== 200) throw await this.#error(doing, reply);
    const parsed = schema.safeParse(json(await textOf(reply)));
    if (parsed.success) return parsed.data;
    throw strange(doing, parsed.error);
  }

  async #error(doing: string, reply: HttpReply): Promise<OpenCraneError> {
    return statusError(doing, this.#target.bucket, reply.status, await textOf(reply));
  }

  /** Reads a reply that says all by its status, so that its connection can be used again. */
  async #drop<T>(reply: HttpReply, meaning: T): Promise<T> {
    await textOf(reply);
    return meaning;
  }
}

async function textOf(reply: HttpReply): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reply.body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema says what is missing
  }
}

function strange(doing: string, cause: unknown): OpenCraneError {
  return new OpenCraneError('internal', 'bucket_reply', `${doing}: the reply is not one of GCS`, {
    mend: 'check that the address is a GCS API, and that no proxy answers in its place',
    cause,
  });
}
