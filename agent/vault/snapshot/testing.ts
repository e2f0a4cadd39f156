/** A folder under test, its vault in memory, and the snapshots that were taken of it. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import type { ObjectName } from '../../bucket/bucket.ts';
import type { SnapshotReason } from '../format/manifest.ts';
import { findSnapshot } from '../history/find-snapshot.ts';
import { type Restored, restore } from '../restore/restore.ts';
import {
  assertSameTree,
  CheckpointCapture,
  type Listed,
  listTree,
  MemoryBucket,
  seededRandom,
  temporaryFolder,
  tenantKey,
} from '../testing.ts';
import { createVault, type Vault } from '../vault.ts';
import { type SnapshotPorts, type SnapshotResult, Snapshotter } from './snapshotter.ts';

/** Says nothing. */
export const silent = createLogger({ program: 'test', level: 'silent' });

/** A signal that never fires. */
export const never = new AbortController().signal;

/** The folder and its vault. */
export class TestState {
  readonly root: string;
  readonly bucket: MemoryBucket;
  readonly vault: Vault;
  readonly capture = new CheckpointCapture();
  /** What the folder looked like at each snapshot. */
  readonly taken = new Map<ObjectName, ReadonlyMap<string, Listed>>();
  onStep: (step: string) => void = () => {};
  lastTarget = '';
  lastRestored: Restored | undefined;
  epoch = 1;
  readonly #folder = temporaryFolder();
  #restored = 0;

  /** `seed` makes vaults differ, which all have one tenant key. */
  static async make(bucket = new MemoryBucket(), seed = 'ours'): Promise<TestState> {
    return new TestState(await createVault(bucket, tenantKey('ours'), seededRandom(seed)), bucket);
  }

  private constructor(vault: Vault, bucket: MemoryBucket) {
    this.vault = vault;
    this.bucket = bucket;
    this.root = join(this.#folder.path, 'state');
    mkdirSync(this.root);
  }

  /** A path beside the folder. */
  beside(name: string): string {
    return join(this.#folder.path, name);
  }

  /** As a process that starts now. */
  open(
    more: Partial<Pick<SnapshotPorts, 'loadCalls' | 'largeMillis' | 'onSlow' | 'clock'>> = {},
  ): Promise<Snapshotter> {
    const { vault, root, capture, epoch } = this;
    const onStep = (step: string) => this.onStep(step);
    const ports = {
      vault,
      root,
      seenLog: this.beside('seen.jsonl'),
      capture,
      clock: systemClock,
      onStep,
      log: silent,
      ...more,
    };
    return Snapshotter.open(ports, epoch, never);
  }

  /** Takes a snapshot, and remembers what the folder looked like. */
  async take(
    snapshotter: Snapshotter,
    reason: SnapshotReason = 'request',
    within?: Iterable<string>,
  ): Promise<SnapshotResult | undefined> {
    const request = { reason, openclawVersion: '2026.9.6', ...(within && { within }) };
    const result = await snapshotter.snapshot(request, never);
    if (result) this.taken.set(result.manifest, listTree(this.root));
    return result;
  }

  /** Asserts that a snapshot brings back what the folder looked like. */
  async assertRestores(name: ObjectName): Promise<void> {
    assertSameTree(listTree(await this.restore(name)), this.taken.get(name) ?? new Map());
  }

  /** Asserts that the newest snapshot brings back what the folder looks like now. */
  async assertNewestIsNow(): Promise<void> {
    const newest = await findSnapshot(this.vault, { by: 'newest' });
    assert.ok(newest);
    assertSameTree(listTree(await this.restore(newest.name)), listTree(this.root));
  }

  /** Restores a snapshot into a new folder. */
  async restore(name: ObjectName, path?: string): Promise<string> {
    this.#restored += 1;
    const target = this.beside(`restored-${this.#restored}`);
    this.lastTarget = target;
    const snapshot = await findSnapshot(this.vault, { by: 'name', name });
    assert.ok(snapshot);
    const request = path === undefined ? { snapshot, target } : { snapshot, target, path };
    const clock = { ...systemClock, sleep: async () => {} }; // nobody writes to what was restored
    this.lastRestored = await restore(this.vault, request, { clock, onStep: () => {}, onProgress: () => {} }, never);
    return target;
  }

  /** Removes everything on the disk. */
  end(): void {
    this.#folder.remove();
  }
}
