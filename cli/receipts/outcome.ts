/** What became of a revision at one tenant, as a pure function of what is observed of the tenant. */
import type { Kind, Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';

/** Whether it is in effect, was refused, or has no answer yet; `unconcerned` when a nearer scope's wish holds there. */
export type Outcome =
  | { readonly state: 'applied' | 'refused'; readonly receipt: Receipt }
  | { readonly state: 'waiting' | 'unconcerned' };

/** The outcome of `revision`, or of a newer one, which has it in it. */
export function outcomeOf(tenant: Tenant, kind: Kind, revision: bigint): Outcome {
  const status = tenant.status?.kinds.find((each) => each.kind === kind);
  if (status === undefined) return { state: 'waiting' };
  if (status.desiredRevision < revision) return { state: 'unconcerned' };
  const { receipt } = status;
  if (receipt === undefined || receipt.revision < revision) return { state: 'waiting' };
  switch (receipt.state) {
    case ReceiptState.APPLIED:
      return { state: 'applied', receipt };
    case ReceiptState.FAILED:
      return { state: 'refused', receipt };
    default:
      return { state: 'waiting' };
  }
}
