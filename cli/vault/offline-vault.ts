/** A vault of which only the bucket and the key are at hand. */
import { create, type MessageInitShape, toJsonString } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { VaultCommandSchema, type VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { Context } from '../command.ts';
import { runOffline } from './offline-child.ts';
import { readVaultResult } from './offline-words.ts';
import { showProgress } from './show-progress.ts';
import type { PutPiece, Vault } from './vault.ts';
import type { Way } from './way.ts';

type Order = NonNullable<MessageInitShape<typeof VaultCommandSchema>['command']>;
type Answer = Exclude<VaultResult['result'], { readonly case: undefined }>;
/** What is answered in each case. */
type Answers = { readonly [Each in Answer as Each['case']]: Each['value'] };

/** The vault in a bucket. */
export function offlineVault(context: Context, way: Extract<Way, { readonly kind: 'bucket' }>): Vault {
  const ask = async <Case extends keyof Answers>(command: Order, wanted: Case, put?: PutPiece) => {
    const json = toJsonString(VaultCommandSchema, create(VaultCommandSchema, { command }));
    const words = ['--bucket', way.bucket, '--key-file', way.keyFile, '--command', json];
    const result = await showProgress(context, '', (heard) =>
      runOffline(context, put ? { arguments: [...words, '--output', '-'], heard, put } : { arguments: words, heard }),
    );
    return answerOf(readVaultResult(result), wanted);
  };
  return {
    list: (value) => ask({ case: 'list', value }, 'list'),
    take: (take) => ask({ case: 'take', value: take }, 'taken'),
    restore: (value) => ask({ case: 'restore', value }, 'restored'),
    verify: (value) => ask({ case: 'verify', value }, 'verified'),
    prune: (value) => ask({ case: 'prune', value }, 'pruned'),
    compare: (value) => ask({ case: 'compare', value }, 'difference'),
    export: (value, put) => ask({ case: 'export', value }, 'exported', put),
  };
}

function answerOf<Case extends keyof Answers>({ result }: VaultResult, wanted: Case): Answers[Case] {
  if (isCase(result, wanted)) return result.value;
  const what = `the vault program answered "${result.case ?? 'nothing'}" where "${wanted}" was due`;
  throw new OpenCraneError('internal', 'answer_unexpected', what, { mend: 'report it' });
}

function isCase<Case extends keyof Answers>(
  result: VaultResult['result'],
  wanted: Case,
): result is Answer & { readonly case: Case; readonly value: Answers[Case] } {
  return result.case === wanted;
}
