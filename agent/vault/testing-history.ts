/** A tenant with a past, for tests: a folder whose snapshots lie in a bucket, at whatever times the test likes. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Clock, systemClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { SnapshotReason } from './format/manifest.ts';
import { type ManifestRef, manifestRef } from './format/object-ids.ts';
import { readFrames } from './format/pack-reader.ts';
import type { TenantKey } from './keys/tenant-key.ts';
import { restore } from './restore/restore.ts';
import { WriteOrder } from './restore/write-order.ts';
import { Snapshotter } from './snapshot/snapshotter.ts';
import {
  assertSameTree,
  CheckpointCapture,
  type Listed,
  listTree,
  MemoryBucket,
  seededRandom,
  temporaryFolder,
  tenantKey,
} from './testing.ts';
import { firstNameOf, isFile } from './tree/entries.ts';
import { loadSnapshot } from './tree/load-chain.ts';
import type { TreeIndex } from './tree/tree-index.ts';
import { createVault, type Vault } from './vault.ts';

/** A clock that the test sets. Nobody waits. */
class SetClock implements Clock {
  millis: number;

  constructor(millis: number) {
    this.millis = millis;
  }

  now(): number {
    return this.millis;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  async sleep(): Promise<void> {}
}

/** A signal that never fires. */
export const never = new AbortController().signal;

/** The tenant. */
export class History<Place extends Bucket = MemoryBucket> {
  readonly clock = new SetClock(Date.UTC(2026, 9, 1));
  vault: Vault;
  readonly bucket: Place;
  /** The folder. */
  readonly state: string;
  /** Every snapshot that was taken, with what the folder looked like. */
  readonly taken: { readonly ref: ManifestRef; readonly tree: ReadonlyMap<string, Listed> }[] = [];
  /** Of the OpenClaw that serves. */
  version = '2026.9.6';
  /** What was warned of. */
  readonly warnings: string[] = [];
  readonly log = createLogger({
    program: 'test',
    level: 'warn',
    destination: { write: (line) => void this.warnings.push(JSON.parse(line).msg) },
  });
  /** Throws what it likes at each step. */
  onStep: (step: string) => void = () => {};
  readonly #folder = temporaryFolder();
  #snapshotter: Snapshotter | undefined;
  #restores = 0;

  static async in<Place extends Bucket>(bucket: Place, key: TenantKey = tenantKey('tenant')): Promise<History<Place>> {
    return new History(await createVault(bucket, key, seededRandom(bucket.address + key.id)), bucket);
  }

  static inMemory(key?: TenantKey): Promise<History> {
    return History.in(new MemoryBucket(), key);
  }

  private constructor(vault: Vault, bucket: Place) {
    this.vault = vault;
    this.bucket = bucket;
    this.state = join(this.#folder.path, 'state');
    mkdirSync(this.state, { mode: 0o700 });
  }

  /** The same tenant from now on, whose vault was opened anew. */
  opened(vault: Vault): this {
    this.vault = vault;
    this.#snapshotter = undefined;
    return this;
  }

  /** A folder of this test's own. */
  path(name: string): string {
    return join(this.#folder.path, name);
  }

  write(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(join(this.state, path)), { recursive: true });
    writeFileSync(join(this.state, path), content);
  }

  remove(path: string): void {
    rmSync(join(this.state, path), { recursive: true, force: true });
  }

  /** Runs SQL in a database below the folder. */
  sql(path: string, statements: string): void {
    const database = new DatabaseSync(join(this.state, path));
    try {
      database.exec(statements);
    } finally {
      database.close();
    }
  }

  /** Takes a snapshot; the clock goes on by a minute. */
  async snapshot(reason: SnapshotReason = 'request'): Promise<ManifestRef> {
    this.clock.millis += 60_000;
    this.#snapshotter ??= await this.open();
    const tree = listTree(this.state);
    const result = await this.#snapshotter.snapshot({ reason, openclawVersion: this.version }, never);
    const ref = result && manifestRef(result.manifest);
    assert.ok(ref, 'there was something to store');
    this.taken.push({ ref, tree });
    return ref;
  }

  /** The next snapshot is taken by a process that knows nothing of the ones before. */
  restart(): void {
    this.#snapshotter = undefined;
  }

  /** Opens a snapshotter of the folder. */
  open(): Promise<Snapshotter> {
    const { vault, state: root, clock } = this;
    const onStep = (step: string) => this.onStep(step);
    const capture = new CheckpointCapture();
    const ports = { vault, root, seenLog: this.path('seen.jsonl'), capture, clock, onStep, log: this.log };
    return Snapshotter.open(ports, 1, never);
  }

  /** Asserts that a snapshot brings back the very folder. */
  async assertRestores(ref: ManifestRef): Promise<void> {
    const known = this.taken.find(({ ref: { name } }) => name === ref.name);
    assert.ok(known, `${ref.name} was taken`);
    this.#restores += 1;
    const target = this.path(`restored-${this.#restores}`);
    const ports = { clock: this.clock, onStep: () => {}, onProgress: () => {} };
    await restore(this.vault, { snapshot: ref, target }, ports, never);
    assertSameTree(listTree(target), known.tree);
    rmSync(target, { recursive: true });
  }

  /** Asserts the same without writing anything to the disk, which takes a tenth of the time. */
  async assertHolds(ref: ManifestRef): Promise<void> {
    const known = this.taken.find(({ ref: { name } }) => name === ref.name);
    assert.ok(known, `${ref.name} was taken`);
    const { tree } = await loadSnapshot(this.vault, ref);
    const expected = [...known.tree].map(([path, { what }]) => `${path} ${what}`).sort();
    assert.deepEqual(await listContent(this.vault, tree), expected, ref.name);
  }

  /** Removes everything on the disk. */
  end(): void {
    this.#folder.remove();
  }
}

function oneOf(path: string, { entries }: TreeIndex): string {
  const first = firstNameOf(entries.get(path)) ?? path;
  const others = [...entries.keys()].filter((name) => firstNameOf(entries.get(name)) === first).sort();
  return others.length === 0 ? '' : `, one of ${[first, ...others].join(' ')}`;
}

/** What is in a tree, as `listTree` has it. */
async function listContent(vault: Vault, tree: TreeIndex): Promise<string[]> {
  const files = [...tree.entries].flatMap(([path, entry]) => (isFile(entry) ? [{ path, entry }] : []));
  const contents = files.map(({ entry }) => Buffer.alloc(entry.size)); // holes are zeros
  const order = new WriteOrder(
    tree,
    files.map(({ entry }) => entry),
  );
  await readFrames(vault, order.wanted(), (pack, frame, plain) => {
    for (const { file, position, offset, bytes } of order.piecesOf(pack, frame))
      contents[file]?.set(plain.subarray(offset, offset + bytes), position);
  });
  const listed = files.map(({ path, entry }, at) => {
    const digest = createHash('sha256')
      .update(contents[at] ?? '')
      .digest('hex');
    return `${path} file ${entry.mode.toString(8)} ${digest}${oneOf(path, tree)}`;
  });
  for (const [path, entry] of tree.entries) {
    if (entry.kind === 'folder') listed.push(`${path} folder ${entry.mode.toString(8)}`);
    if (entry.kind === 'link') listed.push(`${path} link to ${entry.target}${oneOf(path, tree)}`);
  }
  return listed.sort();
}
