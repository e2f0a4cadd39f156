/** What came of a command, as it is told to the coordinator: within the bounds of the contract and of one message. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { messageOf, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { systemMeaning } from '@opencrane/kit/system-error.ts';
import type { CommandResultSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { type VaultResult, VaultResultSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';

/** A result to send. */
export type ResultInit = MessageInitShape<typeof CommandResultSchema>;

/** The coordinator reads messages of 1 MiB (coordinator/agents/limits.ts); the rest of this one is small. */
const MOST_BYTES = 1024 * 1024 - 4096;

/** The contract's limits. */
const limits = { error: 8192, reason: 128, mend: 2048, field: 1024 } as const;

/** It was done, and perhaps gave something. */
export function done(commandId: string, vault: VaultResult | undefined): ResultInit {
  if (vault === undefined) return { commandId };
  const fitting = fit(vault, MOST_BYTES);
  if (fitting !== undefined) return { commandId, vault: fitting };
  const what = `what the command gave is too large for one answer: ${toBinary(VaultResultSchema, vault).byteLength} bytes`;
  return failed(
    commandId,
    new OpenCraneError('resource_exhausted', 'result_too_large', what, { mend: 'ask for less' }),
  );
}

/** It failed. */
export function failed(commandId: string, thrown: unknown): ResultInit {
  const { code, reason, field, mend, message } = toOpenCraneError(thrown, 'carrying out a command');
  const words = systemMeaning(thrown) === undefined ? messageOf(thrown) : message; // a full disk is more than ENOSPC
  return {
    commandId,
    error: words.slice(0, limits.error) || reason, // an empty error would say that it was done
    code,
    reason: reason.slice(0, limits.reason),
    mend: mend.slice(0, limits.mend),
    field: field.slice(0, limits.field),
  };
}

/** The result in at most so many bytes: as much of a long list as fits, which then says that there is more. */
export function fit(result: VaultResult, mostBytes: number): VaultResult | undefined {
  const fits = (candidate: VaultResult) => toBinary(VaultResultSchema, candidate).byteLength <= mostBytes;
  if (fits(result)) return result;
  const length = lengthOf(result);
  if (length === 0 || !fits(shortened(result, 0))) return undefined;
  let [some, tooMany] = [0, length];
  while (tooMany - some > 1) {
    const middle = Math.floor((some + tooMany) / 2);
    if (fits(shortened(result, middle))) some = middle;
    else tooMany = middle;
  }
  return shortened(result, some);
}

function lengthOf({ result }: VaultResult): number {
  switch (result.case) {
    case 'list':
      return result.value.snapshots.length;
    case 'verified':
      return result.value.damaged.length;
    case 'difference':
      return result.value.entries.length;
    default:
      return 0;
  }
}

function shortened({ result }: VaultResult, length: number): VaultResult {
  switch (result.case) {
    case 'list': {
      const value = { ...result.value, snapshots: result.value.snapshots.slice(0, length), more: true };
      return create(VaultResultSchema, { result: { case: 'list', value } });
    }
    case 'verified': {
      const value = { ...result.value, damaged: result.value.damaged.slice(0, length), more: true };
      return create(VaultResultSchema, { result: { case: 'verified', value } });
    }
    case 'difference': {
      const value = { ...result.value, entries: result.value.entries.slice(0, length), more: true };
      return create(VaultResultSchema, { result: { case: 'difference', value } });
    }
    default:
      return create(VaultResultSchema, { result });
  }
}
