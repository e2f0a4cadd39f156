/**
 * Which offers an agent should be sent, as a pure function of what it serves, what it refused and what it was sent.
 *
 * The view of an agent begins with its hello and moves with its receipts:
 *
 *   hello ──▶ serving, failed          sent ──▶ not sent again on this stream
 *   receipt APPLIED ──▶ serving        receipt FAILED ──▶ failed (serving as the receipt says)
 *
 *   receipt APPLIED of another runtime ──▶ what the one before refused of other kinds is due again
 *
 * A receipt that is older than what the view knows (agents send unstored ones again) changes nothing.
 */
import type { KindState } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind, type Receipt, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { PreparedOffer } from '../offers/offer.ts';

/** What identifies an offer. */
type OfferKey = Pick<PreparedOffer, 'revision' | 'digest' | 'nonce'>;

/** What is known of one kind at one agent. */
export type KindView = {
  readonly kind: Kind;
  /** Newest revision that the agent is known to have seen. */
  readonly seen: bigint;
  readonly serving: { readonly revision: bigint; readonly digest: string };
  readonly failed: { readonly digest: string; readonly nonce: string };
  /** The last offer sent on this stream. */
  readonly sent: OfferKey | undefined;
};

/** What is known of an agent: one entry per kind it can apply. */
export type AgentView = readonly KindView[];

/** The view that a hello or a full state gives. Kinds that the agent cannot apply are left out: they are never offered. */
export function viewOf(capabilities: readonly Kind[], states: readonly KindState[]): AgentView {
  return [...new Set(capabilities)].map((kind) => {
    const state = states.find((other) => other.kind === kind);
    const revision = state?.servingRevision ?? 0n;
    return {
      kind,
      seen: revision,
      serving: { revision, digest: state?.servingDigest ?? '' },
      failed: { digest: state?.failedDigest ?? '', nonce: state?.failedNonce ?? '' },
      sent: undefined,
    };
  });
}

/** The view after a full state: what the agent says replaces what was known; what was sent was sent. */
export function afterFullState(view: AgentView, states: readonly KindState[]): AgentView {
  const capabilities = view.map(({ kind }) => kind);
  return viewOf(capabilities, states).map((fresh, at) => ({ ...fresh, sent: view[at]?.sent }));
}

/** The view after a receipt. */
export function afterReceipt(view: AgentView, receipt: Receipt): AgentView {
  const isOtherRuntime = takesOtherRuntime(view, receipt);
  return view.map((known) => {
    if (isOtherRuntime && known.kind !== receipt.kind) return { ...known, failed: nothingFailed };
    if (known.kind !== receipt.kind || receipt.revision < known.seen) return known;
    const seen = receipt.revision;
    if (receipt.state === ReceiptState.APPLYING) return { ...known, seen };
    const serving = { revision: receipt.servingRevision, digest: receipt.servingDigest };
    const { digest, nonce } = receipt;
    const failed = receipt.state === ReceiptState.FAILED ? { digest, nonce } : nothingFailed;
    return { ...known, seen, serving, failed };
  });
}

/** Whether the receipt says that another version serves: a refusal was the judgement of the one before. */
export function takesOtherRuntime(view: AgentView, receipt: Receipt): boolean {
  if (receipt.kind !== Kind.RUNTIME || receipt.state !== ReceiptState.APPLIED) return false;
  const known = view.find(({ kind }) => kind === Kind.RUNTIME);
  return known !== undefined && receipt.revision >= known.seen && receipt.digest !== known.serving.digest;
}

const nothingFailed: KindView['failed'] = { digest: '', nonce: '' };

/** The view after an offer was handed to the stream. */
export function afterSent(view: AgentView, { kind, revision, digest, nonce }: PreparedOffer): AgentView {
  return view.map((known) => (known.kind === kind ? { ...known, sent: { revision, digest, nonce } } : known));
}

/** Whether two views are of an agent that can apply the same kinds and serves the same. */
export function servesTheSame(left: AgentView, right: AgentView): boolean {
  return (
    left.length === right.length &&
    left.every(({ kind, serving }) => {
      const other = right.find((one) => one.kind === kind)?.serving;
      return other?.revision === serving.revision && other.digest === serving.digest;
    })
  );
}

/** The offers that the agent should be sent now. */
export function offersDue(view: AgentView, desired: readonly PreparedOffer[]): PreparedOffer[] {
  return desired.filter((offer) => {
    const known = view.find(({ kind }) => kind === offer.kind);
    return known !== undefined && isDue(known, offer);
  });
}

function isDue({ serving, failed, sent }: KindView, offer: PreparedOffer): boolean {
  if (sent !== undefined && sameOffer(sent, offer)) return false;
  // The same content under a new revision is offered once more, so that the agent learns the revision (and a pin's reason).
  if (serving.digest === offer.digest) return serving.revision !== offer.revision;
  return failed.digest !== offer.digest || failed.nonce !== offer.nonce;
}

/** Whether two offers are one and the same, whoever prepared them. */
export function sameOffer(left: OfferKey, right: OfferKey): boolean {
  return left.revision === right.revision && left.digest === right.digest && left.nonce === right.nonce;
}
