/** The upgrade that is under way, on disk from its first step to its receipt, so that a new agent goes on with it. */
import { rm } from 'node:fs/promises';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { parseDigest } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type Offer, OfferSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { z } from 'zod';
import type { Upgrade } from './upgrade.ts';

const runtime = z.object({
  version: z.string(),
  bundleDigest: z.string().transform((text) => parseDigest(text)),
  directory: z.string(),
});
const plan = z.object({ id: z.string(), from: runtime, to: runtime, restoreId: z.string().nullable() });
const failure = z.object({ reason: z.string(), message: z.string() });
const upgrade = z.discriminatedUnion('phase', [
  z.object({
    phase: z.literal('forward'),
    step: z.enum(['stop', 'keep', 'restore', 'start', 'gate', 'soak']),
    plan,
    resumes: z.number(),
  }),
  z.object({
    phase: z.literal('back'),
    step: z.enum(['stop', 'restore', 'start', 'gate']),
    plan,
    failure,
    stateTouched: z.boolean(),
  }),
  z.object({ phase: z.literal('applied'), plan }),
  z.object({ phase: z.literal('failed'), plan, failure }),
]);
const schema = z.object({
  upgrade,
  offer: z.base64().transform((text) => fromBinary(OfferSchema, Buffer.from(text, 'base64'))),
  stoppedAtMillis: z.number().nullable(),
  readyAtMillis: z.number().nullable(),
});

/** What the journal holds. */
export type JournalEntry = {
  readonly upgrade: Upgrade;
  /** The offer it answers. */
  readonly offer: Offer;
  /** When the running OpenClaw was told to stop; null while none was. */
  readonly stoppedAtMillis: number | null;
  /** When the new one was ready; null until it was. */
  readonly readyAtMillis: number | null;
};

/** The journal, in one file. */
export class UpgradeJournal {
  readonly #path: string;
  #entry: JournalEntry | undefined;

  private constructor(path: string, entry: JournalEntry | undefined) {
    this.#path = path;
    this.#entry = entry;
  }

  /** Reads what a former agent left. */
  static async open(path: string): Promise<UpgradeJournal> {
    const text = await readFileIfExists(path);
    if (text === undefined) return new UpgradeJournal(path, undefined);
    try {
      return new UpgradeJournal(path, schema.parse(JSON.parse(text)));
    } catch (cause) {
      throw new OpenCraneError(
        'data_loss',
        'upgrade_journal_damaged',
        `${path} does not read as an upgrade’s journal`,
        {
          cause,
          field: path,
          mend: 'see which version serves, put its state in place, and remove the file',
        },
      );
    }
  }

  get entry(): JournalEntry | undefined {
    return this.#entry;
  }

  /** Replaces the entry; on disk when this resolves. */
  async write(entry: JournalEntry): Promise<void> {
    const offer = Buffer.from(toBinary(OfferSchema, entry.offer)).toString('base64');
    await writeFileAtomically(this.#path, JSON.stringify({ ...entry, offer }));
    this.#entry = entry;
  }

  /** Forgets the upgrade. */
  async clear(): Promise<void> {
    await rm(this.#path, { force: true });
    this.#entry = undefined;
  }
}
