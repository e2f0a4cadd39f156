/** A bucket in memory, and other things that the tests of the vault share. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '@opencrane/kit/errors.ts';
import type { Body, Bucket, ByteRange, Generation, ObjectInfo, ObjectName } from '../bucket/bucket.ts';
import type { Random } from './keys/random.ts';
import { parseTenantKey, type TenantKey } from './keys/tenant-key.ts';
import type { CapturedDatabase, DatabaseCapture, DatabasePosition } from './snapshot/database-source.ts';

/** A bucket in memory. Tests look into `objects`, and change them. */
export class MemoryBucket implements Bucket {
  readonly address = 'memory';
  readonly objects = new Map<string, { bytes: Buffer; generation: string }>();
  /** Every call, as `read vault/head`. */
  readonly calls: string[] = [];
  /** Throws what it likes, before anything is done. */
  onCall: (call: string) => void = () => {};
  #generations = 0;

  async create(name: ObjectName, body: Body): Promise<Generation | 'exists'> {
    this.#called('create', name);
    const bytes = await gather(body);
    if (this.objects.has(name)) return 'exists';
    return this.put(name, bytes);
  }

  async replace(name: ObjectName, body: Uint8Array, generation: Generation): Promise<Generation | 'conflict'> {
    this.#called('replace', name);
    if (this.objects.get(name)?.generation !== generation) return 'conflict';
    return this.put(name, body);
  }

  async read(name: ObjectName, range?: ByteRange) {
    this.#called('read', name);
    const object = this.objects.get(name);
    if (!object) return undefined;
    const bytes = new Uint8Array(object.bytes.subarray(range?.start ?? 0, range?.end ?? object.bytes.length));
    return { bytes, generation: object.generation as Generation }; // put() made it
  }

  async stream(name: ObjectName, start = 0) {
    const object = await this.read(name, { start, end: Number.MAX_SAFE_INTEGER });
    return (
      object &&
      (async function* () {
        yield object.bytes;
      })()
    );
  }

  async info(name: ObjectName): Promise<ObjectInfo | undefined> {
    this.#called('info', name);
    const object = this.objects.get(name);
    return object && { name, bytes: object.bytes.length, generation: object.generation as Generation }; // likewise
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    this.#called('list', prefix);
    for (const name of [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort()) {
      const info = await this.info(name as ObjectName); // create() was given one
      if (info) yield info;
    }
  }

  async delete(name: ObjectName): Promise<void> {
    this.#called('delete', name);
    this.objects.delete(name);
  }

  /** Puts bytes there, whatever was there. */
  put(name: string, bytes: Uint8Array): Generation {
    this.#generations += 1;
    const generation = String(this.#generations) as Generation; // counts, so it is never the same twice
    this.objects.set(name, { bytes: Buffer.from(bytes), generation });
    return generation;
  }

  /** Names with this prefix. */
  names(prefix: string): string[] {
    return [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  /** A bucket with the same objects. */
  copy(): MemoryBucket {
    const copy = new MemoryBucket();
    for (const [name, { bytes }] of this.objects) copy.put(name, bytes);
    return copy;
  }

  #called(method: string, name: string): void {
    this.calls.push(`${method} ${name}`);
    this.onCall(`${method} ${name}`);
  }
}

/**
 * Captures databases that nobody writes at the moment, by a checkpoint. It remembers what it gave, and gives what changed
 * when it is asked with a position that it knows.
 */
export class CheckpointCapture implements DatabaseCapture {
  readonly #given = new Map<string, { path: string; bytes: Buffer }>();
  /** What became of each capture, in order: path and whether it was stored. */
  readonly released: [path: string, stored: boolean][] = [];
  readonly forgotten: string[] = [];
  /** Whether it forgets what it gave, as after a restart. */
  isForgetful = false;

  async capture(path: string, since: DatabasePosition | undefined): Promise<CapturedDatabase | undefined> {
    if (!existsSync(path)) return undefined;
    const database = new DatabaseSync(path);
    let pageBytes: number;
    try {
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size']);
    } catch (cause) {
      if (messageOf(cause).includes('not a database')) return undefined;
      throw cause;
    } finally {
      database.close();
    }
    const bytes = readFileSync(path);
    const before = this.isForgetful ? undefined : this.#given.get(String(since));
    const known = before?.path === path ? before.bytes : undefined;
    const position = String(this.#given.size);
    this.#given.set(position, { path, bytes });
    const { released } = this;
    return {
      ...{ pageBytes, pages: bytes.length / pageBytes, whole: known === undefined, position },
      async *changes() {
        for (let page = 0; page * pageBytes < bytes.length; page += 1) {
          const content = bytes.subarray(page * pageBytes, (page + 1) * pageBytes);
          if (known?.subarray(page * pageBytes, (page + 1) * pageBytes).equals(content)) continue;
          yield { page, bytes: content };
        }
      },
      async release(stored) {
        released.push([path, stored]);
      },
    };
  }

  async forget(path: string): Promise<void> {
    this.forgotten.push(path);
  }
}

/** Bytes that look random and are the same in every run. */
export function seededRandom(seed: string): Random {
  let count = 0;
  return (bytes) => {
    const pieces: Buffer[] = [];
    for (let made = 0; made < bytes; made += 32) {
      count += 1;
      pieces.push(createHash('sha256').update(`${seed} ${count}`).digest());
    }
    return Buffer.concat(pieces).subarray(0, bytes);
  };
}

/** A tenant key made of a seed. */
export function tenantKey(seed: string): TenantKey {
  return parseTenantKey(createHash('sha256').update(seed).digest('hex'), 'test');
}

/** A folder that the test removes. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'opencrane-vault-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * What a snapshot keeps of an entry. The times of a database and of its folder also change with reading it, since SQLite
 * makes and removes files beside it, so they are none.
 */
export type Listed = { readonly what: string; readonly modifiedNs: bigint | undefined };

const MAGIC = 'SQLite format 3\0';

/** Everything below a folder, by path. */
export function listTree(root: string): Map<string, Listed> {
  const listed = new Map<string, Listed>();
  const inodes = new Map<string, string[]>();
  listFolder(Buffer.from(root), '', listed, inodes);
  for (const names of inodes.values()) {
    if (names.length < 2) continue;
    for (const name of names) {
      const { what, modifiedNs } = listed.get(name) ?? assert.fail(`${name} is listed`);
      listed.set(name, { what: `${what}, one of ${names.join(' ')}`, modifiedNs });
    }
  }
  return listed;
}

/** Asserts that two trees are the same, times to the nanosecond. */
export function assertSameTree(actual: ReadonlyMap<string, Listed>, expected: ReadonlyMap<string, Listed>): void {
  const plain = (tree: ReadonlyMap<string, Listed>) => [...tree].map(([path, { what }]) => `${path} ${what}`).sort();
  assert.deepEqual(plain(actual), plain(expected));
  for (const [path, { modifiedNs }] of actual) {
    const other = expected.get(path)?.modifiedNs;
    if (modifiedNs !== undefined && other !== undefined) assert.equal(modifiedNs, other, `the time of ${path}`);
  }
}

function listFolder(folder: Buffer, path: string, listed: Map<string, Listed>, inodes: Map<string, string[]>): void {
  const { mode, mtimeNs } = lstatSync(folder, { bigint: true });
  const names = readdirSync(folder, { encoding: 'buffer' }).sort(Buffer.compare);
  let isQuiet = true;
  for (const name of names) {
    const full = Buffer.concat([folder, Buffer.from('/'), name]);
    const inside = path === '' ? name.toString('latin1') : `${path}/${name.toString('latin1')}`;
    const stats = lstatSync(full, { bigint: true });
    const isDatabase = stats.isFile() && readFileSync(full).toString('latin1', 0, MAGIC.length) === MAGIC;
    isQuiet &&= !isDatabase;
    if (stats.isDirectory()) listFolder(full, inside, listed, inodes);
    else {
      listed.set(inside, { what: whatIs(full, stats), modifiedNs: isDatabase ? undefined : stats.mtimeNs });
      const inode = `${stats.dev}:${stats.ino}`;
      inodes.set(inode, [...(inodes.get(inode) ?? []), inside]);
    }
  }
  listed.set(path, { what: `folder ${bits(mode)}`, modifiedNs: isQuiet ? mtimeNs : undefined });
}

function whatIs(path: Buffer, stats: BigIntStats): string {
  if (stats.isSymbolicLink()) return `link to ${readlinkSync(path, 'latin1')}`;
  return stats.isFile()
    ? `file ${bits(stats.mode)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`
    : 'other';
}

function bits(mode: bigint): string {
  return (mode & 0o7777n).toString(8);
}

async function gather(body: Body): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}
