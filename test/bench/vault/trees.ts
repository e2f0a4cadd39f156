/** The trees that are stored, and what changes in them. The same in every run with one seed. */

import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from '@opencrane/kit/testing/seeded-random.ts';
import { TextSource } from './text.ts';

/** A tree that lies in a folder. */
export type Tree = {
  readonly name: string;
  readonly root: string;
  /** Changes a hundredth of it, from this process, as OpenClaw would: in the course of some seconds. */
  change(): Promise<void>;
  /** Changes a hundredth of the large database as fast as the disk takes it; undefined where there is none. */
  readonly burst: (() => Promise<void>) | undefined;
  close(): void;
};

const MIB = 1024 ** 2;
/** Bytes of a row: two or three to a page. */
const ROW_BYTES = 1_500;
/** SQLite's own choice. */
export const PAGE_BYTES = 4_096;
/** Over how long a hundredth of a database changes, in milliseconds. */
const CHANGE_MILLIS = 5_000;

/** OpenClaw's state grown to 2 GB: a database of half of that, transcripts, uploads that do not pack, and small files. */
export function makeState(root: string, seed: number, share: number): Tree {
  const text = new TextSource(seed);
  const sessions = join(root, 'agents', 'main', 'sessions');
  const uploads = join(root, 'workspace', 'uploads');
  for (const folder of [sessions, uploads, join(root, 'memory')]) mkdirSync(folder, { recursive: true });
  const database = new Database(join(root, 'agents', 'main', 'openclaw.sqlite'), text, 1_000 * MIB * share);
  const memory = new Database(join(root, 'memory', 'main.sqlite'), text, 150 * MIB * share);
  const transcripts = Math.ceil(150 * share);
  for (let number = 0; number < transcripts; number += 1)
    writeFileSync(join(sessions, `${number}.jsonl`), transcript(text, text.between(1, 5) * MIB));
  const noise = seededRandom(seed + 1);
  for (let number = 0; number < 120 * share; number += 1)
    writeFileSync(join(uploads, `photo-${number}.jpg`), unpackable(noise, 2.5 * MIB));
  const notes = smallFiles(join(root, 'workspace', 'notes'), text, Math.ceil(4_000 * share));
  const change = async (millis: number) => {
    await database.change(millis);
    await memory.change(0);
    for (let number = 0; number < transcripts / 100; number += 1)
      appendFileSync(join(sessions, `${number}.jsonl`), transcript(text, 100_000));
    notes.change();
  };
  return {
    name: 'state',
    root,
    change: () => change(CHANGE_MILLIS),
    burst: () => change(0),
    close() {
      database.close();
      memory.close();
    },
  };
}

/** Many small files and nothing else. */
export function makeSmallFiles(root: string, seed: number, share: number): Tree {
  const files = smallFiles(root, new TextSource(seed), Math.ceil(50_000 * share));
  return { name: 'small files', root, change: async () => files.change(), burst: undefined, close() {} };
}

/** A database that is kept open, as OpenClaw does, with the settings of OpenClaw. */
export class Database {
  readonly #database: DatabaseSync;
  readonly #text: TextSource;
  readonly #rows: number;

  constructor(path: string, text: TextSource, bytes: number) {
    this.#text = text;
    this.#rows = Math.floor(bytes / (PAGE_BYTES / 2)); // two rows to a page
    this.#database = new DatabaseSync(path, { timeout: 5_000 });
    this.#database.exec(
      `PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
       PRAGMA journal_size_limit = 67108864;
       CREATE TABLE message (id INTEGER PRIMARY KEY, session TEXT, role TEXT, body TEXT);`,
    );
    const insert = this.#database.prepare('INSERT INTO message VALUES (?, ?, ?, ?)');
    for (let row = 0; row < this.#rows; ) {
      this.#database.exec('BEGIN');
      for (const end = Math.min(row + 10_000, this.#rows); row < end; row += 1) {
        insert.run(
          row,
          `agent:main:${row % 97}`,
          row % 2 ? 'user' : 'assistant',
          text.text(ROW_BYTES).toString('latin1'),
        );
      }
      this.#database.exec('COMMIT');
    }
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  /** Writes over the text of a row at random: a page. */
  touch(): void {
    const body = this.#text.text(ROW_BYTES).toString('latin1');
    this.#database.prepare('UPDATE message SET body = ? WHERE id = ?').run(body, this.#text.between(0, this.#rows));
  }

  /** Changes a page in a hundred, ten to a transaction. */
  async change(millis: number): Promise<void> {
    const transactions = Math.ceil(this.#rows / 2 / 100 / 10);
    for (let count = 0; count < transactions; count += 1) {
      this.#database.exec('BEGIN');
      for (let row = 0; row < 10; row += 1) this.touch();
      this.#database.exec('COMMIT');
      if (millis > 0) await wait(millis / transactions);
    }
  }

  close(): void {
    this.#database.close();
  }
}

function smallFiles(root: string, text: TextSource, count: number): { change(): void } {
  const path = (number: number) => join(root, `${Math.floor(number / 100)}`, `note-${number}.md`);
  for (let number = 0; number < count; number += 1) {
    if (number % 100 === 0) mkdirSync(join(path(number), '..'), { recursive: true });
    writeFileSync(path(number), text.text(text.between(200, 8_000)));
  }
  return {
    change() {
      for (let changed = 0; changed < count / 100; changed += 1)
        writeFileSync(path(text.between(0, count)), text.text(text.between(200, 8_000)));
    },
  };
}

function transcript(text: TextSource, bytes: number): string {
  const lines: string[] = [];
  for (let written = 0; written < bytes; written += 700)
    lines.push(
      JSON.stringify({ type: 'message', id: text.between(0, 1e9), content: text.text(620).toString('latin1') }),
    );
  return `${lines.join('\n')}\n`;
}

function unpackable(noise: () => number, bytes: number): Buffer {
  const words = new Uint32Array(Math.floor(bytes / 4));
  for (let at = 0; at < words.length; at += 1) words[at] = noise() * 2 ** 32;
  return Buffer.from(words.buffer);
}
