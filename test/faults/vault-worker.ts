/**
 * Does one thing to a tenant's vault with the agent's own parts: `node vault-worker.ts SCENARIO FOLDER`. Each step is noted in the
 * file `steps`, and is a fault point by its number, so that kill-vault.test.ts can kill at each.
 */

import { randomBytes, randomUUID } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { BundleShelf } from '@opencrane/agent/bundles/bundle-shelf.ts';
import { faultPoint } from '@opencrane/agent/fault-point.ts';
import type { LiveState } from '@opencrane/agent/vault/commands/ports.ts';
import { restoreInPlace } from '@opencrane/agent/vault/commands/restore-in-place.ts';
import { listSnapshots } from '@opencrane/agent/vault/history/find-snapshot.ts';
import { recover } from '@opencrane/agent/vault/history/recover.ts';
import { readTenantKey } from '@opencrane/agent/vault/keys/tenant-key.ts';
import { Pruner } from '@opencrane/agent/vault/prune/prune.ts';
import { rotateTenantKey } from '@opencrane/agent/vault/rotate/rotate.ts';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { digestOf } from '@opencrane/kit/digest.ts';
import { keepNothing, log, never, VaultWorld } from './vault-world.ts';

/** The epoch of whoever does the thing; those before have a smaller one, the next start a larger one. */
const EPOCH = 10;
const [, , scenario = '', folder = ''] = process.argv;
const world = new VaultWorld(folder);
const { bucket } = world;
const assertHeld = () => {};
const report = () => {};
let steps = 0;

function onStep(step: string): void {
  appendFileSync(world.at('steps'), `${step}\n`);
  faultPoint(String(steps));
  steps += 1;
}

const scenarios: Readonly<Record<string, () => Promise<unknown>>> = {
  async snapshot() {
    const vault = await world.vault();
    await world.remember(vault, EPOCH, false);
    const snapshotter = await world.snapshotter(vault, await world.capture(), EPOCH, onStep);
    await snapshotter.snapshot({ reason: 'change', openclawVersion: '2026.9.6' }, never);
  },

  /** A start on an empty disk. */
  async boot() {
    const residence = world.residence(await world.capture(), EPOCH, onStep);
    residence.start();
    await residence.atHome();
  },

  async replace() {
    const vault = await world.vault();
    await world.remember(vault, EPOCH, false);
    const snapshotter = await world.snapshotter(vault, await world.capture(), EPOCH, onStep);
    const takeSnapshot: LiveState['takeSnapshot'] = (reason, signal) =>
      snapshotter.snapshot({ reason, openclawVersion: '2026.9.6' }, signal);
    const live: LiveState = {
      folder: world.state,
      takeSnapshot,
      storeAhead: async (signal) => void (await takeSnapshot('request', signal)),
      unread: () => snapshotter.unread,
      async replaceState(work) {
        await work(takeSnapshot);
        return { downtimeMillis: 0 };
      },
      setInDoubt: (restoring) => world.remember(vault, EPOCH, restoring),
    };
    const ports = {
      ...{ vault, pruner: new Pruner(vault), retention: keepNothing, pinned: async () => new Set<never>(), assertHeld },
      ...{ live, folder, scratchFolder: folder, sendArchive: async () => {}, report, onStep, newId: randomUUID, clock },
    };
    const first = async () => (await listSnapshots(vault))[0] ?? Promise.reject(new Error('there is a snapshot'));
    await restoreInPlace(first, '', live, ports, never);
  },

  async prune() {
    const request = { retention: keepNothing, pinned: new Set<never>(), dryRun: false };
    await new Pruner(await world.vault()).prune(request, { assertHeld, clock, onStep, report }, never);
  },

  async rotate() {
    const [tenant, next] = [await readTenantKey(world.keyFile()), await readTenantKey(world.keyFile('new'))];
    await rotateTenantKey({ bucket, random: randomBytes, assertHeld, onStep }, tenant, next);
  },

  async recover() {
    await recover(await world.vault(), undefined, { epoch: EPOCH, assertHeld, onStep, clock }, never);
  },

  async bundle() {
    const bytes = readFileSync(world.at('bundle'));
    const shelf = new BundleShelf({ bucket, coordinator: world.coordinator(), onStep, log });
    const bundle = { bundleDigest: digestOf(bytes), bundleBytes: bytes.length };
    await shelf.put(bundle, never);
    await shelf.keepOnly([bundle.bundleDigest], never);
  },
};

await scenarios[scenario]?.();
process.exit();
