/** What the launcher was told to run, on disk, so that the launcher that comes after a `kill -9` goes on with it. */
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod/mini';
import type { StartOrder } from './openclaw-process.ts';

const schema = z.object({
  /** `stopped` after a stop that was asked for: then the next launcher waits to be told. */
  wanted: z.enum(['running', 'stopped']),
  runtimeDirectory: z.string(),
  version: z.string(),
  environment: z.record(z.string(), z.string()),
  arguments: z.array(z.string()),
  /** It ran under a hold (hold.ts): the next launcher has none, so it waits to be told. */
  held: z.optional(z.literal(true)),
  /** The process that runs it, when one was started; identified, because its number may be another's by now. */
  process: z.optional(z.object({ pid: z.number(), identity: z.string() })),
});

/** The record. */
export type StartRecord = StartOrder & Pick<z.infer<typeof schema>, 'wanted' | 'held' | 'process'>;

/** Reads the record; undefined when nothing was ever started. */
export async function readStartRecord(path: string): Promise<StartRecord | undefined> {
  const text = await readFileIfExists(path);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OpenCraneError('data_loss', 'start_record_damaged', `${path} does not read as a record of what to run`, {
      cause,
      field: path,
      mend: 'remove the file: the agent then tells the launcher anew',
    });
  }
}

/** Replaces the record; for this user's eyes only, because environments may hold what others must not read. */
export async function writeStartRecord(path: string, record: StartRecord): Promise<void> {
  await writeFileAtomically(path, JSON.stringify(record, undefined, 2), 0o600);
}
