/** What the agent plane needs from the rest of the coordinator. */

import type { Digest } from '@opencrane/kit/digest.ts';
import type { Health, Hello, RuntimeAnswer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Progress, Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { PreparedOffer } from '../offers/offer.ts';

/** Answers what a tenant should serve. */
export interface DesiredState {
  /** The newest offers of a tenant, one per kind that has desired state. Throws `not_found` for a tenant that does not exist. */
  offersFor(tenant: string): Promise<readonly PreparedOffer[]>;
  /** Calls back after desired state changed; returns how to stop. `'all'` when the organisation's layer changed. */
  onChange(listener: (tenants: 'all' | readonly string[]) => void): () => void;
}

/** Is told what agents say. Calls for one tenant come one after the other. */
export interface AgentObserver {
  connected(tenant: string, hello: Hello, sessionId: string): Promise<void>;
  /** The agent that was connected has another session, as it was asked to: nothing else has changed. */
  renewed(tenant: string, sessionId: string): void;
  /** Resolves once the receipt is in the database; a receipt id that is there already changes nothing. */
  receipt(tenant: string, receipt: Receipt): Promise<void>;
  health(tenant: string, health: Health): Promise<void>;
  progress(tenant: string, progress: Progress): void;
  heartbeat(tenant: string): void;
  /** The session that ended may be an older one than the tenant holds now; only its own id ends it. */
  disconnected(tenant: string, sessionId: string, why: string): Promise<void>;
  /** A tenant's `openclaw update`. Resolves when a new offer has been decided on, or refused. */
  runtimeRequest(tenant: string, version: string): Promise<Omit<RuntimeAnswer, '$typeName' | '$unknown' | 'requestId'>>;
}

/** Checks an agent's bearer token. Throws `unauthenticated` with what is wrong. */
export interface AgentTokenVerifier {
  verify(token: string): Promise<{ readonly tenant: string; readonly expiresAtMillis: number }>;
}

/** A writing of a tenant's lease, and which coordinator it names as its witness. */
export type HoldingAsked = { readonly epoch: number; readonly serial: number; readonly witness: string };

/** Says who has a tenant, beside its bucket (docs/fence.md). Both throw `not_found` for a tenant that does not exist. */
export interface LeaseWitness {
  /** Whether the holder of this may serve on for so long. */
  vouch(tenant: string, holding: HoldingAsked, vouchMillis: number): Promise<boolean>;
  /** Whether this is given up, in the database, so that nobody is vouched for in it any more. */
  grant(tenant: string, holding: HoldingAsked): Promise<boolean>;
}

/** Reads bundles by digest for a tenant. */
export interface BlobSource {
  /**
   * Throws `not_found` for a bundle that there is not, and in the same words for one that was never offered to the tenant;
   * `unavailable`, also at the end of the chunks, while a bundle that was lost is built again.
   */
  open(
    tenant: string,
    digest: Digest,
    offset: number,
  ): Promise<{ readonly totalBytes: number; readonly chunks: AsyncIterable<Uint8Array> }>;
}
