/**
 * What serves and what was refused, on disk, so that a tenant boots with no coordinator in reach. A copy lies within the
 * state, so that the bucket has it: on an empty disk the state comes back together with what it was served by.
 */
import { rm } from 'node:fs/promises';
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { type Digest, parseDigest } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import { readInState, writeInState } from '../in-state.ts';

const digest = z.string().transform((text) => parseDigest(text));
const revision = z.string().regex(/^\d+$/).transform(BigInt);
const refused = z.object({ digest, nonce: z.string() });
const refusedConfig = refused.extend({
  /** Digest of the runtime offer that served then; absent in records of earlier agents. */
  under: digest.optional(),
});
const unproven = z.object({ revision, digest, nonce: z.string() });

const schema = z.object({
  runtime: z
    .object({
      revision,
      digest,
      version: z.string(),
      bundleDigest: digest,
      bundleBytes: z.number(),
      /** Who pinned the version, where and why; all empty when it is not pinned. */
      pin: z.object({ by: z.string(), at: z.string(), reason: z.string() }),
    })
    .optional(),
  /** Bundle of the version that served before this one: the way back. */
  previousBundle: digest.optional(),
  config: z.object({ revision, digest }).optional(),
  refused: z.object({ runtime: refused.optional(), config: refusedConfig.optional() }),
  /** What serves only from the next start on; its receipt waits until OpenClaw was seen with it. */
  unproven: z.object({ runtime: unproven.optional(), config: unproven.optional() }).default({}),
  /** True after a drain command: OpenClaw stays down until a restart command. */
  drained: z.boolean(),
});

/** The record. */
export type ServingRecord = z.infer<typeof schema>;

/** What a new tenant serves: nothing. */
const emptyServingRecord: ServingRecord = { refused: {}, unproven: {}, drained: false };

/** Where the record is, and where its copy within the state. */
export type ServingRecordPaths = { readonly serving: string; readonly servingCopy: string };

/** Keeps the record in a file; one writer. */
export class ServingRecordFile {
  readonly #paths: ServingRecordPaths;
  #current: ServingRecord;

  private constructor(paths: ServingRecordPaths, current: ServingRecord) {
    this.#paths = paths;
    this.#current = current;
  }

  /** Reads the record, or begins an empty one when, and only when, there is none. */
  static async open(paths: ServingRecordPaths): Promise<ServingRecordFile> {
    return new ServingRecordFile(paths, (await readRecord(paths.serving)) ?? emptyServingRecord);
  }

  /** Another disk has had the tenant since: what this one knows is old. */
  async forget(): Promise<void> {
    await rm(this.#paths.serving, { force: true });
    this.#current = emptyServingRecord;
  }

  /**
   * A disk that knows nothing takes over what the state was served by. `managed` is the digest of the configuration that came
   * with it; any other that the copy names is not there, and is to be offered again.
   */
  async takeOver(managed: Digest | undefined): Promise<void> {
    if (this.#current.runtime !== undefined) return;
    const copy = parseCopy(await readInState(this.#paths.servingCopy));
    if (copy?.runtime === undefined) return;
    const { config, ...others } = copy;
    await this.update({ ...others, ...(config !== undefined && config.digest === managed && { config }) });
  }

  /** Brings the state's copy up to date, as after the state was exchanged. */
  async copyIntoState(): Promise<void> {
    if (this.#current.runtime !== undefined) await writeInState(this.#paths.servingCopy, textOf(this.#current));
  }

  get current(): ServingRecord {
    return this.#current;
  }

  /** Changes the record; on disk when this resolves. */
  async update(change: Partial<ServingRecord>): Promise<void> {
    const { runtime } = this.#current;
    const isOther = runtime && change.runtime && runtime.bundleDigest !== change.runtime.bundleDigest;
    const next = { ...this.#current, ...(isOther && { previousBundle: runtime.bundleDigest }), ...change };
    await writeFileAtomically(this.#paths.serving, textOf(next));
    this.#current = next;
    await this.copyIntoState();
  }
}

function textOf(record: ServingRecord): string {
  return JSON.stringify(record, (_key, value) => (typeof value === 'bigint' ? value.toString() : value), 2);
}

async function readRecord(path: string): Promise<ServingRecord | undefined> {
  const text = await readFileIfExists(path);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OpenCraneError('data_loss', 'serving_record_damaged', `${path} does not read as a serving record`, {
      cause,
      field: path,
      mend: 'remove the file: the agent then takes everything from the coordinator anew',
    });
  }
}

/** A tenant's file: what is no record there must keep nobody from moving in. */
function parseCopy(text: string | undefined): ServingRecord | undefined {
  try {
    return text === undefined ? undefined : schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
