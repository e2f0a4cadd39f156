/** Carries out orders about a vault: for the coordinator in the agent, and for a person without one (offline/main.ts). */
import { create } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import {
  type CompareSnapshots,
  type ExportFiles,
  type FilesExported,
  FilesExportedSchema,
  type ListSnapshots,
  type PruneSnapshots,
  type SnapshotDifference,
  SnapshotDifferenceSchema,
  type SnapshotList,
  SnapshotListSchema,
  type SnapshotsPruned,
  SnapshotsPrunedSchema,
  type SnapshotTaken,
  SnapshotTakenSchema,
  type SnapshotVerified,
  SnapshotVerifiedSchema,
  type TakeSnapshot,
  type VaultCommand,
  type VaultResult,
  VaultResultSchema,
  type VerifySnapshot,
} from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { compareSnapshots } from '../compare/compare.ts';
import { openExport } from '../export/export.ts';
import { readHead } from '../format/head.ts';
import { manifestRef } from '../format/object-ids.ts';
import { listSnapshots } from '../history/find-snapshot.ts';
import { doubtInWords } from '../prune/lived-ages.ts';
import { parseRetention } from '../prune/retention.ts';
import { verify } from '../verify/verify.ts';
import { chooseSnapshot } from './choose-snapshot.ts';
import { describeSnapshot, describeSnapshots } from './describe-snapshot.ts';
import { notStored } from './not-stored.ts';
import type { VaultCommandPorts } from './ports.ts';
import { restoreSnapshot } from './restore-snapshot.ts';

/** Snapshots of a page, when it is not said how many. */
const PAGE = 100;
/** Entries that a comparison tells; the contract's. */
const MOST_DIFFERENCES = 10_000;
/** Damaged objects that are told, and snapshots of each: a vault that is gone has no need for a longer list. */
const [MOST_DAMAGED, MOST_SEQUENCES] = [1_000, 1_000];

/** Carries out one order. Throws OpenCraneErrors, and an AbortError on the signal. */
export async function carryOutVaultCommand(
  { command }: VaultCommand,
  ports: VaultCommandPorts,
  signal: AbortSignal,
): Promise<VaultResult> {
  const result = async (): Promise<VaultResult['result']> => {
    switch (command.case) {
      case 'list':
        return { case: 'list', value: await list(command.value, ports, signal) };
      case 'take':
        return { case: 'taken', value: await take(command.value, ports, signal) };
      case 'restore':
        return { case: 'restored', value: await restoreSnapshot(command.value, ports, signal) };
      case 'verify':
        return { case: 'verified', value: await verifySnapshots(command.value, ports, signal) };
      case 'prune':
        return { case: 'pruned', value: await prune(command.value, ports, signal) };
      case 'compare':
        return { case: 'difference', value: await compare(command.value, ports, signal) };
      case 'export':
        return { case: 'exported', value: await exportFiles(command.value, ports, signal) };
      case undefined:
        throw new OpenCraneError('unimplemented', 'command_unknown', 'this OpenCrane does not know the order', {
          mend: 'bring both sides to one version',
        });
    }
  };
  return create(VaultResultSchema, { result: await result() });
}

async function list(
  { limit, beforeSequence }: ListSnapshots,
  { vault, live, clock }: VaultCommandPorts,
  signal: AbortSignal,
): Promise<SnapshotList> {
  const before = beforeSequence > 0n ? Number(beforeSequence) : Number.POSITIVE_INFINITY;
  const snapshots = (await listSnapshots(vault, signal)).filter(({ sequence }) => sequence < before);
  const page = snapshots.slice(-(limit || PAGE)).reverse();
  const described = await describeSnapshots({ vault, clock }, page, signal);
  const missing = beforeSequence > 0n ? [] : await notStored(vault, snapshots.at(-1), live?.unread(), signal);
  return create(SnapshotListSchema, { snapshots: described, more: snapshots.length > page.length, notStored: missing });
}

async function take(
  { acceptLoss }: TakeSnapshot,
  { vault, live, clock }: VaultCommandPorts,
  signal: AbortSignal,
): Promise<SnapshotTaken> {
  if (!live) {
    throw new OpenCraneError('failed_precondition', 'no_state', 'there is no state here to take a snapshot of', {
      mend: 'ask the tenant’s agent for it; what was written last is on its disk',
    });
  }
  const taken = await live.takeSnapshot(acceptLoss ? 'accept' : 'request', signal);
  const ref = taken ? manifestRef(taken.manifest) : (await readHead(vault, signal))?.newest;
  const snapshot = ref && { snapshot: await describeSnapshot({ vault, clock }, ref, signal) };
  return create(SnapshotTakenSchema, { ...snapshot, unchanged: taken === undefined });
}

async function verifySnapshots(
  { snapshot }: VerifySnapshot,
  { vault, pruner, report, clock }: VaultCommandPorts,
  signal: AbortSignal,
): Promise<SnapshotVerified> {
  const { snapshots, bytes, damaged, newestWhole } = await pruner.reading(async () => {
    const chosen = snapshot && (await chooseSnapshot({ vault, clock }, snapshot, signal));
    return verify(vault, chosen, report, signal);
  });
  return create(SnapshotVerifiedSchema, {
    snapshots: BigInt(snapshots),
    bytes: BigInt(bytes),
    damaged: damaged.slice(0, MOST_DAMAGED).map((one) => ({
      ...one,
      sequences: one.sequences.slice(-MOST_SEQUENCES).map(BigInt),
    })),
    more: damaged.length > MOST_DAMAGED,
    ...(newestWhole && { newestWhole: await describeSnapshot({ vault, clock }, newestWhole, signal) }),
  });
}

async function prune(
  { dryRun, retention: asked }: PruneSnapshots,
  { pruner, retention: usual, pinned, assertHeld, clock, onStep, report }: VaultCommandPorts,
  signal: AbortSignal,
): Promise<SnapshotsPruned> {
  const retention = asked === '' ? usual : parseRetention(asked, 'retention');
  const request = { retention, pinned: await pinned(), dryRun };
  const pruned = await pruner.prune(request, { assertHeld, clock, onStep, report }, signal);
  const { unreadable } = pruned;
  if (unreadable.length > 0)
    report('kept', `${unreadable.length} manifests cannot be read; nothing that they may need was removed`);
  return create(SnapshotsPrunedSchema, {
    snapshots: BigInt(pruned.snapshots),
    objects: BigInt(pruned.objects),
    bytes: BigInt(pruned.bytes),
    keptSnapshots: BigInt(pruned.keptSnapshots),
    notes: doubtInWords(pruned.doubtedMillis),
  });
}

async function compare(
  { from, to }: CompareSnapshots,
  { vault, pruner, clock }: VaultCommandPorts,
  signal: AbortSignal,
): Promise<SnapshotDifference> {
  const at = { vault, clock };
  return pruner.reading(async () => {
    const [older, newer] = [await chooseSnapshot(at, from, signal), await chooseSnapshot(at, to, signal)];
    const { entries, more } = await compareSnapshots(vault, older, newer, MOST_DIFFERENCES, signal);
    return create(SnapshotDifferenceSchema, {
      from: await describeSnapshot(at, older, signal),
      to: await describeSnapshot(at, newer, signal),
      entries: entries.map(({ path, change, fromBytes, toBytes }) => ({
        path: path.toWellFormed(), // protobuf has no other texts
        change,
        fromBytes: BigInt(fromBytes),
        toBytes: BigInt(toBytes),
      })),
      more,
    });
  });
}

async function exportFiles(
  { snapshot: choice, path }: ExportFiles,
  ports: VaultCommandPorts,
  signal: AbortSignal,
): Promise<FilesExported> {
  const { vault, pruner, scratchFolder, newId, report, sendArchive } = ports;
  return pruner.reading(async () => {
    const snapshot = await chooseSnapshot(ports, choice, signal);
    const onProgress = (done: number, total: number) => report('export', 'sending the archive', done, total);
    const request = { snapshot, path: path.replace(/\/+$/, '') };
    const archive = await openExport(vault, request, { scratchFolder, newId, onProgress }, signal);
    await sendArchive(archive.pieces);
    return create(FilesExportedSchema, {
      snapshot: await describeSnapshot(ports, snapshot, signal),
      files: BigInt(archive.files),
      bytes: BigInt(archive.bytes),
    });
  });
}
