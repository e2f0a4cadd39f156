/** What offers need from the runtimes. */
import type { Digest } from '@opencrane/kit/digest.ts';

/** The OpenClaw version that a tenant should run, with its bundle built. */
export type RuntimeOfTenant = {
  /** Highest RUNTIME revision among the organisation, the tenant's team and the tenant. */
  readonly revision: bigint;
  readonly version: string;
  readonly bundleDigest: Digest;
  readonly bundleBytes: number;
  /** Who pinned it; empty when it is not pinned, like the two that follow. */
  readonly pinnedBy: string;
  /** Where the pin stands: `organisation`, `team/NAME` or `tenant/NAME`. */
  readonly pinnedAt: string;
  readonly pinReason: string;
  readonly restoreKeptState: boolean;
};

/** Answers which version a tenant should run. */
export interface RuntimeDesired {
  /**
   * Undefined while there is nothing to offer yet: a bundle is being built, or could not be. It must not wait for a
   * build (it is asked when an agent says hello); `onChange` tells when the answer has become another one.
   */
  forTenant(tenant: string): Promise<RuntimeOfTenant | undefined>;
  /** Calls back after an answer changed for other reasons than a new revision; returns how to stop. New revisions are noticed without it. */
  onChange(listener: (tenants: 'all' | readonly string[]) => void): () => void;
}

/** What a tenant's `openclaw update` is answered. */
export type RuntimeRequestAnswer = {
  readonly accepted: boolean;
  /** The version it resolved to. */
  readonly version: string;
  /** Why not: who pinned the version and why, or what npm said. Empty when accepted. */
  readonly message: string;
  /** True when that version is the desired one already and no new offer follows. */
  readonly unchanged: boolean;
};

/** Decides what tenants ask for with `openclaw update`. */
export interface RuntimeRequests {
  /** `version` is an exact version or a dist-tag, `''` for `latest`. A refusal is an answer, not an error. */
  request(tenant: string, version: string): Promise<RuntimeRequestAnswer>;
}
