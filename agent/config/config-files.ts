/**
 * The files of a tenant's configuration: OpenClaw's own, and what we remember about it. Every write is whole or absent.
 *
 * What says something about OpenClaw's file lies in the state with it (`.opencrane/`), so that the two go together through
 * snapshots, restores, rollbacks and moves; what is managed now lies on the disk beside the state, which may be older.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { isJsonObject, type Json, type JsonObject } from '@opencrane/kit/canonical-json.ts';
import { type Digest, digestOfJson } from '@opencrane/kit/digest.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import JSON5 from 'json5';
import { z } from 'zod';
import type { TenantFolders } from '../folders.ts';
import { readInState, removeInState, writeInState } from '../in-state.ts';

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
  readonly #inState: string;

  constructor(folders: Pick<TenantFolders, 'state' | 'config' | 'inState'>) {
    this.#state = folders.state;
    this.#inState = folders.inState;
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

  /** What is managed now. */
  readManaged(): Promise<ManagedRecord | undefined> {
    return this.#readRecord('managed.json', managedRecord);
  }

  async writeManaged(record: ManagedRecord): Promise<void> {
    await writeFileAtomically(this.#at('managed.json'), recordText(record), 0o600);
    await this.#writeInState('managed.json', record);
  }

  /** What lies in the live file of what is managed: in a state that was brought back, less or more than is managed now. */
  async readBaseline(): Promise<ManagedRecord | undefined> {
    return (await this.#readInState('managed.json', managedRecord)) ?? (await this.readManaged());
  }

  async readAttempt(): Promise<AttemptRecord | undefined> {
    return (await this.#readInState('attempt.json', attemptRecord)) ?? this.#readRecord('attempt.json', attemptRecord);
  }

  writeAttempt(record: AttemptRecord): Promise<void> {
    return this.#writeInState('attempt.json', record);
  }

  async removeAttempt(): Promise<void> {
    await removeInState(join(this.#inState, 'attempt.json'));
    await rm(this.#at('attempt.json'), { force: true });
  }

  /** The whole file as it was when it last served; what is the user's in it is not lost when the live one breaks. */
  async readLastGood(): Promise<JsonObject | undefined> {
    return (await this.#readInState('last-good.json', jsonObject)) ?? this.#readRecord('last-good.json', jsonObject);
  }

  writeLastGood(document: JsonObject): Promise<void> {
    return this.#writeInState('last-good.json', document);
  }

  /** Another disk has had the tenant since: what this one knows is old. */
  async forget(): Promise<void> {
    for (const name of ['managed.json', 'attempt.json', 'last-good.json']) await rm(this.#at(name), { force: true });
  }

  /** A disk that knows nothing takes over what was managed in the state. The digest of what is managed. */
  async takeOver(): Promise<Digest | undefined> {
    const known = await this.readManaged();
    if (known !== undefined) return digestOfJson(known.offered);
    const record = await this.#readInState('managed.json', managedRecord);
    // A tenant can write there: only what has the digest can be what an admin wrote.
    if (record === undefined || digestOfJson(record.offered) !== record.digest) return undefined;
    await this.writeManaged(record);
    return digestOfJson(record.offered);
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

  /** What is no record there is taken for none: it is the tenant's folder, and comes and goes with the state. */
  async #readInState<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const text = await readInState(join(this.#inState, name));
    return text === undefined ? undefined : schema.safeParse(parseOrUndefined(text)).data;
  }

  #writeInState(name: string, record: object): Promise<void> {
    return writeInState(join(this.#inState, name), recordText(record));
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

  #at(name: string): string {
    return join(this.folder, name);
  }
}

/** A document as OpenClaw itself writes it. */
export function textOf(document: JsonObject): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

function recordText(record: object): string {
  return `${JSON.stringify(record, null, 2)}\n`;
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
