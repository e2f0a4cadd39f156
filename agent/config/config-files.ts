/** The files of a tenant's configuration: OpenClaw's own, and what we remember about it. Every write is whole or absent. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { isJsonObject, type Json, type JsonObject } from '@opencrane/kit/canonical-json.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import JSON5 from 'json5';
import { z } from 'zod';
import type { TenantFolders } from '../folders.ts';

/** OpenClaw's configuration file as found. */
export type LiveFile =
  | { readonly state: 'absent' }
  | { readonly state: 'read'; readonly text: string; readonly document: JsonObject }
  /** It is not a JSON5 object; OpenClaw serves on with what it read before. */
  | { readonly state: 'unreadable'; readonly text: string; readonly why: string };

const json: z.ZodType<Json> = z.json();
const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), json);
const leaf = z.object({ path: z.array(z.string()).readonly(), value: json });

const managedRecord = z.object({
  /** Digest of the offer. */
  digest: z.string(),
  /** The document that was offered. */
  offered: jsonObject,
  /** What was laid over the live file: the offer and what OpenCrane itself needs. */
  document: jsonObject,
  /** Managed values that OpenClaw spelled its own way. */
  respelled: z.array(leaf).readonly(),
});

/** An attempt that restarts OpenClaw; it is on disk from before the file changes until the outcome is known. */
const attemptRecord = z.object({ digest: z.string(), previous: z.string().nullable() });

/** What was last applied. */
export type ManagedRecord = z.infer<typeof managedRecord>;
/** An attempt that may have been cut off, with the file's text from before it. */
export type AttemptRecord = z.infer<typeof attemptRecord>;

/** Reads and writes the files. */
export class ConfigFiles {
  /** OpenClaw's own configuration file. */
  readonly live: string;
  /** Where our records and candidates are. */
  readonly folder: string;
  readonly #state: string;

  constructor(folders: TenantFolders) {
    this.#state = folders.state;
    this.folder = folders.config;
    this.live = join(folders.state, 'openclaw.json');
  }

  async readLive(): Promise<LiveFile> {
    const text = await readFileIfExists(this.live);
    return text === undefined ? { state: 'absent' } : parseLive(text);
  }

  async writeLive(text: string): Promise<void> {
    await writeFileAtomically(this.live, text, 0o600);
  }

  /** Puts the live file back to an earlier text; null takes it away. Where it has that text still, nothing is written: a full disk has no room. */
  async restoreLive(text: string | null): Promise<void> {
    if (text === null) await rm(this.live, { force: true });
    else if ((await readFileIfExists(this.live)) !== text) await this.writeLive(text);
  }

  readManaged(): Promise<ManagedRecord | undefined> {
    return this.#readRecord('managed.json', managedRecord);
  }

  writeManaged(record: ManagedRecord): Promise<void> {
    return this.#writeRecord('managed.json', record);
  }

  readAttempt(): Promise<AttemptRecord | undefined> {
    return this.#readRecord('attempt.json', attemptRecord);
  }

  writeAttempt(record: AttemptRecord): Promise<void> {
    return this.#writeRecord('attempt.json', record);
  }

  async removeAttempt(): Promise<void> {
    await rm(this.#at('attempt.json'), { force: true });
  }

  /** The whole file as it was when it last served; what is the user's in it is not lost when the live one breaks. */
  readLastGood(): Promise<JsonObject | undefined> {
    return this.#readRecord('last-good.json', jsonObject);
  }

  writeLastGood(document: JsonObject): Promise<void> {
    return this.#writeRecord('last-good.json', document);
  }

  /** Keeps a text that cannot be used beside the live file, for its author. */
  async keepAside(text: string, name: string): Promise<string> {
    const path = `${this.live}.${name}`;
    await writeFileAtomically(path, text, 0o600);
    return path;
  }

  /** Where a candidate of this name is written. */
  candidate(name: string): string {
    return this.#at(`candidate-${name}.json`);
  }

  /** Makes the folders, and takes away what a killed agent left in them: drafts and candidates. */
  async sweep(): Promise<void> {
    await removeMatching(this.#state, /^openclaw\.json\..*\.draft$/);
    await removeMatching(this.folder, /^candidate-|\.draft$/);
  }

  async #readRecord<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const path = this.#at(name);
    const text = await readFileIfExists(path);
    if (text === undefined) return undefined;
    const parsed = schema.safeParse(parseOrUndefined(text));
    if (parsed.success) return parsed.data;
    throw new OpenCraneError('data_loss', 'config_record_broken', `reading ${path}: it is not what was written there`, {
      field: path,
      mend: 'remove it; the agent then lays the managed configuration over the live file anew',
    });
  }

  #writeRecord(name: string, record: object): Promise<void> {
    return writeFileAtomically(this.#at(name), `${JSON.stringify(record, null, 2)}\n`, 0o600);
  }

  #at(name: string): string {
    return join(this.folder, name);
  }
}

/** A document as OpenClaw itself writes it. */
export function textOf(document: JsonObject): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

function parseLive(text: string): LiveFile {
  try {
    const document = jsonObject.parse(JSON5.parse(text));
    if (isJsonObject(document)) return { state: 'read', text, document };
    return { state: 'unreadable', text, why: 'it is not an object' };
  } catch (cause) {
    return { state: 'unreadable', text, why: messageOf(cause) };
  }
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function removeMatching(folder: string, name: RegExp): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = await readdir(folder);
  await Promise.all(names.filter((each) => name.test(each)).map((each) => rm(join(folder, each), { force: true })));
}
