/** A tenant that lives on a disk, for tests of commands: its OpenClaw, and what an agent that starts does with its state. */
import assert from 'node:assert/strict';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { leftBesideState } from '../../beside-state.ts';
import { readHead } from '../format/head.ts';
import { Pruner } from '../prune/prune.ts';
import { DEFAULT_RETENTION } from '../prune/retention.ts';
import { restore } from '../restore/restore.ts';
import type { Snapshotter } from '../snapshot/snapshotter.ts';
import { type History, never } from '../testing-history.ts';
import type { LiveState, VaultCommandPorts } from './ports.ts';

/** Ports to a tenant of which only the bucket is there, unless they are given. */
export function portsOf(history: History, given: Partial<VaultCommandPorts> = {}): VaultCommandPorts {
  return {
    vault: history.vault,
    pruner: new Pruner(history.vault),
    retention: DEFAULT_RETENTION,
    pinned: async () => new Set(),
    assertHeld: () => {},
    live: undefined,
    folder: history.path(''),
    scratchFolder: history.path(''),
    sendArchive: async () => assert.fail('nothing is to be sent'),
    report: () => {},
    onStep: () => {},
    newId: () => 'id',
    clock: history.clock,
    ...given,
  };
}

/** A tenant at home. It dies when a test says so; then nothing of it works any more, until the next agent boots. */
export class LiveTenant implements LiveState {
  readonly folder: string;
  /** What an agent that starts finds. */
  isInDoubt = false;
  isRunning = true;
  isDead = false;
  /** Called at each start of OpenClaw; throws when it does not become ready. */
  onStart: () => void = () => {};
  readonly #history: History;
  #snapshotter: Snapshotter | undefined;

  constructor(history: History) {
    this.#history = history;
    this.folder = history.state;
  }

  takeSnapshot: LiveState['takeSnapshot'] = async (reason, signal) => {
    this.#live();
    this.#history.clock.millis += 1000;
    this.#snapshotter ??= await this.#history.open();
    return this.#snapshotter.snapshot({ reason, openclawVersion: '2026.9.6' }, signal);
  };

  async storeAhead(signal: AbortSignal): Promise<void> {
    await this.takeSnapshot('request', signal);
  }

  unread: LiveState['unread'] = () => this.#snapshotter?.unread ?? [];

  async replaceState(work: Parameters<LiveState['replaceState']>[0]): Promise<{ downtimeMillis: number }> {
    this.#live();
    this.isRunning = false;
    try {
      await work(this.takeSnapshot);
    } finally {
      if (!this.isDead) this.#start();
    }
    return { downtimeMillis: 1234.5 };
  }

  async setInDoubt(isInDoubt: boolean): Promise<void> {
    this.#live();
    this.isInDoubt = isInDoubt;
  }

  /** Kills the agent at this moment. */
  die(): never {
    this.isDead = true;
    throw new Error('killed');
  }

  /** The next agent on this disk, as residence.ts decides. */
  async boot(): Promise<void> {
    const { vault, clock } = this.#history;
    this.isDead = false;
    this.#snapshotter = undefined;
    if (this.isInDoubt) {
      const newest = (await readHead(vault))?.newest;
      assert.ok(newest);
      rmSync(`${this.folder}.left-behind`, { recursive: true, force: true });
      if (existsSync(this.folder)) renameSync(this.folder, `${this.folder}.left-behind`);
      const ports = { clock, onStep: () => {}, onProgress: () => {} };
      await restore(vault, { snapshot: newest, target: this.folder }, ports, never);
      this.isInDoubt = false;
    }
    for (const path of await leftBesideState(this.folder)) rmSync(path, { recursive: true });
    this.#start();
    await this.takeSnapshot('change', never);
  }

  #start(): void {
    assert.ok(existsSync(this.folder), 'OpenClaw would begin with an empty state');
    this.onStart();
    this.isRunning = true;
  }

  #live(): void {
    if (this.isDead) throw new OpenCraneError('internal', 'dead', 'a dead process does nothing');
  }
}
