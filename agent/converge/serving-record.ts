/** What serves and what was refused, on disk, so that a tenant boots with no coordinator in reach. */
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { parseDigest } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

const digest = z.string().transform((text) => parseDigest(text));
const revision = z.string().regex(/^\d+$/).transform(BigInt);
const refused = z.object({ digest, nonce: z.string() });
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
  config: z.object({ revision, digest }).optional(),
  refused: z.object({ runtime: refused.optional(), config: refused.optional() }),
  /** What serves only from the next start on; its receipt waits until OpenClaw was seen with it. */
  unproven: z.object({ runtime: unproven.optional(), config: unproven.optional() }).default({}),
  /** True after a drain command: OpenClaw stays down until a restart command. */
  drained: z.boolean(),
});

/** The record. */
export type ServingRecord = z.infer<typeof schema>;

/** What a new tenant serves: nothing. */
const emptyServingRecord: ServingRecord = { refused: {}, unproven: {}, drained: false };

/** Keeps the record in a file; one writer. */
export class ServingRecordFile {
  readonly #path: string;
  #current: ServingRecord;

  private constructor(path: string, current: ServingRecord) {
    this.#path = path;
    this.#current = current;
  }

  /** Reads the record, or begins an empty one when, and only when, there is none. */
  static async open(path: string): Promise<ServingRecordFile> {
    const text = await readFileIfExists(path);
    if (text === undefined) return new ServingRecordFile(path, emptyServingRecord);
    try {
      return new ServingRecordFile(path, schema.parse(JSON.parse(text)));
    } catch (cause) {
      throw new OpenCraneError('data_loss', 'serving_record_damaged', `${path} does not read as a serving record`, {
        cause,
        field: path,
        mend: 'remove the file: the agent then takes everything from the coordinator anew',
      });
    }
  }

  get current(): ServingRecord {
    return this.#current;
  }

  /** Changes the record; on disk when this resolves. */
  async update(change: Partial<ServingRecord>): Promise<void> {
    const next = { ...this.#current, ...change };
    await writeFileAtomically(
      this.#path,
      JSON.stringify(next, (_key, value) => (typeof value === 'bigint' ? value.toString() : value), 2),
    );
    this.#current = next;
  }
}
