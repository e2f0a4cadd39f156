/** Carries out an order with nothing but a bucket and a key. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type JsonValue, toJson } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type VaultCommand, VaultResultSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { ReportProgress } from '../../appliers/applier.ts';
import type { ErasableBucket, Erased } from '../../bucket/bucket.ts';
import { epochOf } from '../../fence/lease-record.ts';
import { carryOutVaultCommand } from '../commands/carry-out.ts';
import type { VaultCommandPorts } from '../commands/ports.ts';
import { readHead } from '../format/head.ts';
import { listManifests, type ManifestRef } from '../format/object-ids.ts';
import { timesOf } from '../history/find-snapshot.ts';
import { lastEpoch, recover } from '../history/recover.ts';
import type { Random } from '../keys/random.ts';
import { readTenantKey, type TenantKey } from '../keys/tenant-key.ts';
import { Pruner } from '../prune/prune.ts';
import { DEFAULT_RETENTION } from '../prune/retention.ts';
import { rotateTenantKey } from '../rotate/rotate.ts';
import { unlessUnreadable } from '../unreadable.ts';
import { openVault, type Vault } from '../vault.ts';
import { writeArchive } from './archive-output.ts';
import { type BorrowPorts, withLease } from './borrowed-lease.ts';
import { lookAtVault } from './look.ts';
import type { Order } from './order.ts';
import { removeVault } from './remove-vault.ts';
import { waysBack } from './ways-back.ts';

/** What it takes. */
export type RunPorts = {
  readonly bucket: ErasableBucket;
  /** How the lease is taken, where one is needed. */
  readonly lease: Pick<BorrowPorts, 'name' | 'claimant' | 'terms' | 'clock' | 'random' | 'log'>;
  readonly report: ReportProgress;
  /** Awaited after each step, as `prune:STEP`, `rotate:STEP`, `recover:STEP`, `restore:STEP`, `remove:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly newId: () => string;
  readonly randomBytes: Random;
  readonly clock: Clock;
};

/** Carries it out; what came of it. */
export async function runOrder(order: Order, ports: RunPorts, signal: AbortSignal): Promise<JsonValue> {
  if (order.what.do === 'look') return look(order.keyFile, ports, signal);
  const key = await readTenantKey(order.keyFile);
  if (order.what.do === 'remove') return remove(key, ports, signal);
  if (order.what.do === 'rotate') return rotate(key, await readTenantKey(order.what.newKeyFile), ports, signal);
  if (order.what.do === 'recover') return recoverNewest(key, order.what.sequence, ports, signal);
  const { command } = order.what;
  const vault = await openExisting(ports, key, signal);
  const carryOut = async (assertHeld: () => void, stop: AbortSignal, pinned: VaultCommandPorts['pinned']) => {
    const result = await carryOutVaultCommand(command, commandPorts(order, vault, ports, assertHeld, pinned), stop);
    return toJson(VaultResultSchema, result);
  };
  const pinned = () => waysBack(vault, signal);
  if (!removes(command)) return carryOut(() => {}, signal, pinned);
  return underLease(
    ports,
    (stop) => epochOfHead(vault, stop),
    (lease, stop) => carryOut(() => lease.assertHeld(), stop, pinned),
    signal,
  );
}

async function epochOfHead(vault: Vault, signal: AbortSignal): Promise<number> {
  return (await readHead(vault, signal))?.epoch ?? 0;
}

async function recoverNewest(
  key: TenantKey,
  sequence: number | undefined,
  ports: RunPorts,
  signal: AbortSignal,
): Promise<JsonValue> {
  const vault = await openExisting(ports, key, signal);
  return underLease(
    ports,
    (stop) => lastEpoch(vault, stop),
    async (lease, stop) => {
      const { onStep, clock, report } = ports;
      report('recover', 'looking for the newest good snapshot');
      const assertHeld = () => lease.assertHeld();
      const recovered = await recover(vault, sequence, { epoch: lease.epoch, assertHeld, onStep, clock }, stop);
      const timeOf = timesOf(await listManifests(vault.bucket, undefined, stop), clock.now());
      const told = (ref: ManifestRef) => ({ sequence: ref.sequence, takenAtMillis: Math.round(timeOf(ref).millis) });
      return { recovered: { ...recovered, of: told(recovered.of), newest: told(recovered.newest) } };
    },
    signal,
  );
}

async function look(keyFile: string, { bucket }: RunPorts, signal: AbortSignal): Promise<JsonValue> {
  const key = existsSync(keyFile) ? await readTenantKey(keyFile) : undefined;
  const { vault, keys } = await lookAtVault(bucket, key, signal);
  return { look: { vault, keys: [...keys] } };
}

async function remove(key: TenantKey, ports: RunPorts, signal: AbortSignal): Promise<JsonValue> {
  const { bucket, onStep, report } = ports;
  report('remove', `removing everything in ${bucket.address}`);
  // What is damaged is to go, too; then an epoch above the lease's own has to do.
  const epochBefore = async (stop: AbortSignal) => {
    const vault = await openVault(bucket, key, ports.randomBytes, stop).catch(unlessUnreadable);
    return vault ? lastEpoch(vault, stop) : 0;
  };
  const leased = (work: (stop: AbortSignal) => Promise<Erased>) =>
    underLease(ports, epochBefore, (_, stop) => work(stop), signal);
  const { objects, bytes, left } = await removeVault(key, { bucket, underLease: leased, onStep }, signal);
  return { removed: { objects, bytes, left } };
}

function removes({ command }: VaultCommand): boolean {
  return command.case === 'prune' && !command.value.dryRun;
}

async function rotate(oldKey: TenantKey, newKey: TenantKey, ports: RunPorts, signal: AbortSignal): Promise<JsonValue> {
  const { bucket, randomBytes: random, onStep } = ports;
  // Cut off after its last step, a rotation has left no slot of the old key.
  const vault = await openExisting(ports, oldKey, signal).catch((cause: unknown) =>
    openExisting(ports, newKey, signal).catch(() => {
      throw cause;
    }),
  );
  return underLease(
    ports,
    (stop) => epochOfHead(vault, stop),
    async (lease, stop) => {
      const assertHeld = () => lease.assertHeld();
      const rotated = await rotateTenantKey({ bucket, random, assertHeld, onStep }, oldKey, newKey, stop);
      return { rotated: { oldKey: rotated.oldKey, newKey: rotated.newKey, generation: rotated.generation } };
    },
    signal,
  );
}

function underLease<T>(
  { bucket, lease, report }: RunPorts,
  epochBefore: (signal: AbortSignal) => Promise<number>,
  work: Parameters<typeof withLease<T>>[1],
  signal: AbortSignal,
): Promise<T> {
  const ports = {
    ...lease,
    bucket,
    epochOfHead: async (stop: AbortSignal) => epochOf(await epochBefore(stop)),
    report,
  };
  return withLease(ports, work, signal);
}

async function openExisting({ bucket, randomBytes }: RunPorts, key: TenantKey, signal: AbortSignal): Promise<Vault> {
  const vault = await openVault(bucket, key, randomBytes, signal);
  if (vault) return vault;
  throw new OpenCraneError('not_found', 'vault_missing', `there is no vault in ${bucket.address}`, {
    field: '--bucket',
    mend: 'name the tenant’s own bucket',
  });
}

function commandPorts(
  { archive }: Order,
  vault: Vault,
  { report, onStep, newId, clock }: RunPorts,
  assertHeld: () => void,
  pinned: VaultCommandPorts['pinned'],
): VaultCommandPorts {
  return {
    ...{ vault, pinned, assertHeld, report, onStep, newId, clock },
    pruner: new Pruner(vault),
    retention: DEFAULT_RETENTION,
    live: undefined,
    folder: process.cwd(),
    scratchFolder: tmpdir(),
    async sendArchive(pieces) {
      if (archive) await writeArchive(archive, pieces);
    },
  };
}
