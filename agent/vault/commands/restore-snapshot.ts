/** Brings a snapshot back, in the place of the state or into a folder beside it. */
import { resolve } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import {
  type RestoreSnapshot,
  type SnapshotRestored,
  SnapshotRestoredSchema,
} from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { restore } from '../restore/restore.ts';
import { chooseSnapshot } from './choose-snapshot.ts';
import { describeSnapshot } from './describe-snapshot.ts';
import type { VaultCommandPorts } from './ports.ts';
import { restoreInPlace } from './restore-in-place.ts';

/** Carries it out. */
export async function restoreSnapshot(
  { snapshot: choice, path, into }: RestoreSnapshot,
  ports: VaultCommandPorts,
  signal: AbortSignal,
): Promise<SnapshotRestored> {
  const choose = () => chooseSnapshot(ports, choice, signal);
  const inside = path.replace(/\/+$/, '');
  return into === '' ? inPlace(choose, inside, ports, signal) : beside(choose, inside, into, ports, signal);
}

type Choose = () => Promise<ManifestRef>;

async function inPlace(
  choose: Choose,
  path: string,
  ports: VaultCommandPorts,
  signal: AbortSignal,
): Promise<SnapshotRestored> {
  const { live } = ports;
  if (!live) throw noState();
  const restored = await restoreInPlace(choose, path, live, ports, signal);
  const { snapshot, before, files, bytes, notes, downtimeMillis } = restored;
  return create(SnapshotRestoredSchema, {
    snapshot: await describeSnapshot(ports, snapshot, signal),
    folder: live.folder,
    files: BigInt(files),
    bytes: BigInt(bytes),
    notes: [...notes],
    downtimeMillis: BigInt(Math.round(downtimeMillis)),
    ...(before && { before: await describeSnapshot(ports, before, signal) }),
  });
}

async function beside(
  choose: Choose,
  path: string,
  into: string,
  ports: VaultCommandPorts,
  signal: AbortSignal,
): Promise<SnapshotRestored> {
  const { vault, pruner, folder, clock, onStep, report } = ports;
  const target = resolve(folder, into);
  const onProgress = (done: number, total: number) => report('restore', `restoring into ${target}`, done, total);
  return pruner.reading(async () => {
    const snapshot = await choose();
    const request = { snapshot, target, ...(path === '' ? {} : { path }) };
    const { files, bytes, notes } = await restore(vault, request, { clock, onStep, onProgress }, signal);
    return create(SnapshotRestoredSchema, {
      snapshot: await describeSnapshot({ vault, clock }, snapshot, signal),
      folder: target,
      files: BigInt(files),
      bytes: BigInt(bytes),
      notes: [...notes],
    });
  });
}

function noState(): OpenCraneError {
  return new OpenCraneError(
    'invalid_argument',
    'into_missing',
    'there is no state here that a snapshot could replace',
    {
      field: 'into',
      mend: 'name a folder to restore into',
    },
  );
}
