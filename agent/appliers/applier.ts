/** What it means to apply an offer, for every kind. */
import type { Offer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** What became of an attempt. A failure leaves what served before serving. */
export type Outcome =
  | {
      readonly state: 'applied';
      /** `start`: it is in its place, and in effect once OpenClaw was started. */
      readonly effect: 'none' | 'hot' | 'restart' | 'switch' | 'start';
      readonly downtimeMillis: number;
    }
  | { readonly state: 'failed'; readonly reason: string; readonly message: string; readonly path: string };

/** Tells a person how far something long is. `doneBytes` and `totalBytes` are 0 where bytes don't count. */
export type ReportProgress = (step: string, message: string, doneBytes?: number, totalBytes?: number) => void;

/** Applies offers of one kind, one at a time. */
export interface Applier {
  readonly kind: Kind;
  /** Tries the offer. Throws only when the agent itself must stop; a bad offer is an Outcome. */
  apply(offer: Offer, report: ReportProgress, signal: AbortSignal): Promise<Outcome>;
}
