/** What the lease object in the bucket says: `vault/lease`, JSON, not secret (docs/fence.md). */
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

/** Number of a holding. It grows whenever another disk takes over; HEAD carries it. 0 is before the first. */
export type Epoch = number & { readonly __brand: 'Epoch' };

/** Which disk: a tenant's folder on one machine (holder.ts). */
export type HolderId = string & { readonly __brand: 'HolderId' };

/** Makes an epoch of a number that is one. */
export function epochOf(value: number): Epoch {
  if (Number.isSafeInteger(value) && value >= 0) return value as Epoch; // the one place that brands
  throw new OpenCraneError('internal', 'internal', `${value} is no epoch`);
}

/** Makes a holder's id. */
export function holderIdOf(value: string): HolderId {
  return value as HolderId; // the one place that brands
}

/** Least time-to-live that is worth one: a call to a bucket may take a second. */
const LEAST_TTL_MILLIS = 1_000;
/** Most: a dead machine's tenant would be away for longer than this. */
const MOST_TTL_MILLIS = 3_600_000;
/** Most that a tenant serves on without its bucket, and that others wait who have no witness. */
const MOST_OUTAGE_MILLIS = 86_400_000;

const witnessSchema = z.object({
  /** Which witness: the coordinator's database. */
  id: z.string().min(1).max(64),
  /** The holder may serve on for so long after its last renewal… */
  outageMillis: z.number().int().positive().max(MOST_OUTAGE_MILLIS),
  /** …on a witness's word, each of which lasts so long (terms.ts). */
  vouchMillis: z.number().int().positive().max(MOST_TTL_MILLIS),
});

const schema = z.object({
  format: z.literal(1),
  epoch: z.number().int().positive().transform(epochOf),
  holder: z.string().min(1).transform(holderIdOf),
  /** Name of the machine, for people. */
  host: z.string(),
  /** Random id of the agent's process that wrote it. Together with `renewal` it names one attempt to write. */
  instance: z.string().min(1),
  /** Counts the attempts of that process. */
  renewal: z.number().int().positive(),
  /** One more than that of the record that it was written over: tells which of two writings is the later one. */
  serial: z.number().int().nonnegative().default(0),
  /** The holder's time-to-live: how long it may go on without another renewal. */
  ttlMillis: z.number().int().min(LEAST_TTL_MILLIS).max(MOST_TTL_MILLIS),
  /** The holder has ended and everything is in the bucket: anyone may take over at once. */
  released: z.boolean(),
  /** Absent when nobody vouches for this holding. */
  witness: witnessSchema.optional(),
});

/** A record. No two writings of it are ever the same. */
export type LeaseRecord = Readonly<z.infer<typeof schema>>;

/**
 * What a witness is asked about: a writing of the lease, and with it all that came before. Ordered by epoch, then by
 * serial; a later epoch's begin anywhere.
 */
export type Holding = { readonly epoch: Epoch; readonly serial: number };

/** Reads a record. Throws `data_loss` for anything else: who cannot read it must not take over. */
export function parseLeaseRecord(bytes: Uint8Array, where: string): LeaseRecord {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw new OpenCraneError('data_loss', 'lease_damaged', `reading ${where}: it is no lease: ${messageOf(cause)}`, {
      cause,
      field: where,
      mend: 'when no OpenClaw of this tenant runs anywhere, remove the object',
    });
  }
}

/** Spells a record; a person may read it. */
export function formatLeaseRecord(record: LeaseRecord): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(record, undefined, 2)}\n`);
}

/** Whether two records are one writing. */
export function sameWriting(one: LeaseRecord, other: LeaseRecord): boolean {
  return one.instance === other.instance && one.renewal === other.renewal;
}
