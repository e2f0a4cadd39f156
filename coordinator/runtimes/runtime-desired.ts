/**
 * Answers which bundle a tenant should run, and what it may update to. Answering starts nothing: what is not built yet
 * is on its way through the preparer (runtime-preparer.ts), which says when there is another answer.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { RuntimeDesired, RuntimeOfTenant, RuntimeRequestAnswer, RuntimeRequests } from '../offers/ports.ts';
import { scopeText } from '../revisions/scope.ts';
import type { BuiltRuntime, RuntimeCatalogue } from './catalogue.ts';
import type { Decision } from './runtime-revision.ts';
import type { RuntimeWishes } from './runtime-wishes.ts';
import { buildForTenant, type TenantBuildsParts } from './tenant-builds.ts';

/** What answering takes. */
export type RuntimeDesiredParts = TenantBuildsParts & {
  readonly wishes: RuntimeWishes;
  readonly catalogue: RuntimeCatalogue;
  /** Name of the platform that bundles are built for, such as `linux-x64`. */
  readonly platform: string;
  /** Says when an answer has become another one for other reasons than a new revision. */
  readonly preparer: Pick<RuntimeDesired, 'onChange'>;
  /** Whether the tenant's agent answered the newest offer of a runtime with a failure. */
  readonly wasRefused: (tenant: string) => boolean;
};

/** The answers. */
export class RuntimesOfTenants implements RuntimeDesired, RuntimeRequests {
  readonly #parts: RuntimeDesiredParts;

  constructor(parts: RuntimeDesiredParts) {
    this.#parts = parts;
  }

  onChange(listener: (tenants: 'all' | readonly string[]) => void): () => void {
    return this.#parts.preparer.onChange(listener);
  }

  async forTenant(tenant: string): Promise<RuntimeOfTenant | undefined> {
    const { wishes, catalogue, platform } = this.#parts;
    const decision = await wishes.decide(tenant);
    const built = decision && (await catalogue.find(decision.wish.version, platform));
    return decision && built && answer(decision, built);
  }

  async request(tenant: string, version: string): Promise<RuntimeRequestAnswer> {
    const { wishes, wasRefused } = this.#parts;
    const decision = await wishes.decide(tenant);
    if (decision?.wish.pinned) return refused(decision);
    try {
      const built = await buildForTenant(this.#parts, tenant, version);
      const who = { actor: `tenant/${tenant}`, reason: 'openclaw update' };
      const { found, written } = await wishes.choose(tenant, built.version, who, (now) => {
        if (now?.wish.pinned) return false; // since the build began
        // Asking again for what was refused is an order to try again: a new revision.
        return built.version !== now?.wish.version || wasRefused(tenant);
      });
      if (found?.wish.pinned) return refused(found);
      return { accepted: true, version: built.version, message: '', unchanged: written === undefined };
    } catch (cause) {
      if (!(cause instanceof OpenCraneError) || cause.code === 'internal') throw cause;
      const message = `${cause.message}${cause.mend && ` (${cause.mend})`}`;
      return { accepted: false, version, message, unchanged: false };
    }
  }
}

function answer({ wish, by, revision }: Decision, built: BuiltRuntime): RuntimeOfTenant {
  const pin = wish.pinned
    ? { pinnedBy: by.actor, pinnedAt: scopeText(by.scope), pinReason: by.reason }
    : { pinnedBy: '', pinnedAt: '', pinReason: '' };
  return {
    revision: BigInt(revision),
    version: wish.version,
    bundleDigest: built.digest,
    bundleBytes: built.bytes,
    ...pin,
    restoreKeptState: wish.restoreKeptState,
  };
}

function refused({ wish, by }: Decision): RuntimeRequestAnswer {
  const because = by.reason === '' ? '' : `: ${by.reason}`;
  const message = `OpenClaw is pinned to ${wish.version} for ${scopeText(by.scope)} by ${by.actor}${because}. Ask them to change or remove the pin.`;
  return { accepted: false, version: wish.version, message, unchanged: false };
}
