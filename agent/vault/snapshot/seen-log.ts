/**
 * What was seen, in a file beside the agent's other ones, so that an agent that starts again does not read everything anew.
 * One line of JSON each snapshot; the first says whose they are. Losing it costs a reading of all files, nothing else: a line
 * that a crash cut off ends the log there, and what later snapshots changed is read again.
 */
import { appendFile, open, rename } from 'node:fs/promises';
import { readFileIfExists } from '@opencrane/kit/atomic-file.ts';
import { systemCode } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import type { ObjectName } from '../../bucket/bucket.ts';
import { isObjectName } from '../../bucket/layout.ts';
import type { VaultId } from '../keys/vault-keys.ts';
import { applySeen, type Seen, type SeenChange } from './seen-files.ts';

const FORMAT = 1;
/** The log is written anew when what was added outweighs what it began with, and is more than this. */
const SMALL_BYTES = 1024 * 1024;

/** A line of 50,000 files would take 50 MB while it is made and read. */
const BATCH_FILES = 2048;
const NONE = new Map<string, never>();

const name = z.string().refine(isObjectName);
const seenFile = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const header = z.strictObject({ format: z.literal(FORMAT), vault: z.string(), root: z.string() });
const line = z.strictObject({
  manifest: name.nullable(),
  // Pairs, because a file may be called __proto__.
  files: z.array(z.tuple([z.string(), seenFile.nullable()])),
  positions: z.array(z.tuple([z.string(), z.json()])),
});

/** The log of one folder of one vault. */
export class SeenLog {
  readonly #path: string;
  readonly #header: string;
  #baseBytes = 0;
  #addedBytes = 0;
  #isSound = false;

  constructor(path: string, vault: VaultId, root: string) {
    this.#path = path;
    this.#header = JSON.stringify({ format: FORMAT, vault, root } satisfies z.input<typeof header>);
  }

  /** Reads it as far as it is good. What is no log of this folder is no reason to stop: nothing was seen. */
  async read(): Promise<Seen> {
    const seen = { manifest: null as ObjectName | null, files: new Map(), positions: new Map() }; // wider than null
    const text = (await readFileIfExists(this.#path)) ?? '';
    const [first = '', ...lines] = text.split('\n');
    if (first !== this.#header) return seen;
    for (const json of lines) {
      const parsed = parseLine(json);
      if (!parsed) break;
      applySeen(seen, { files: new Map(parsed.files), positions: new Map(parsed.positions) });
      seen.manifest = parsed.manifest;
    }
    return seen;
  }

  /**
   * Adds a change; `seen` is what it led to. Not forced to the disk: after a crash of the machine files are read again. So
   * they are when the log cannot be written, which is therefore no reason to fail: the next time it is written anew.
   */
  async append(seen: Seen, change: SeenChange): Promise<void> {
    const isDue = !this.#isSound || this.#addedBytes > Math.max(SMALL_BYTES, this.#baseBytes);
    this.#isSound = false;
    try {
      await (isDue ? this.write(seen) : this.#add(spell(seen.manifest, change)));
      this.#isSound = true;
    } catch (cause) {
      if (systemCode(cause) === '') throw cause;
    }
  }

  async #add(text: string): Promise<void> {
    await appendFile(this.#path, text, { mode: 0o600 });
    this.#addedBytes += text.length;
  }

  /** Writes it anew, some thousand files at a time. */
  async write(seen: Seen): Promise<void> {
    const { manifest, files, positions } = seen;
    const draft = `${this.#path}.new`;
    const log = await open(draft, 'w', 0o600);
    try {
      await log.write(`${this.#header}\n${spell(manifest, { files: NONE, positions })}`);
      for (const batch of batches(files)) await log.write(spell(manifest, { files: batch, positions: NONE }));
      this.#baseBytes = (await log.stat()).size;
    } finally {
      await log.close();
    }
    await rename(draft, this.#path);
    this.#addedBytes = 0;
  }
}

function* batches<K, V>(all: ReadonlyMap<K, V>): Generator<Map<K, V>> {
  let batch = new Map<K, V>();
  for (const [key, value] of all) {
    batch.set(key, value);
    if (batch.size < BATCH_FILES) continue;
    yield batch;
    batch = new Map();
  }
  yield batch;
}

function spell(manifest: ObjectName | null, { files, positions }: SeenChange): string {
  return `${JSON.stringify({ manifest, files: [...files], positions: [...positions] })}\n`;
}

function parseLine(json: string) {
  try {
    return line.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}
