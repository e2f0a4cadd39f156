/**
 * Answers which bundle a tenant should run, and sees to it that the bundle gets built.
 *
 *   nobody has said ──▶ latest looked up, built, written as the tenant's own ──▶ answered
 *   a version is wanted ──not built here──▶ built in the background ──▶ answered
 *
 * A build that fails is tried again with backoff; the tenant's events say why it waits.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { type Progress, ProgressSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { EventLog } from '../events/event-log.ts';
import type { RuntimeDesired, RuntimeOfTenant, RuntimeRequestAnswer, RuntimeRequests } from '../offers/ports.ts';
import { scopeText } from '../revisions/scope.ts';
import type { Store } from '../store/store.ts';
import type { RuntimeBuilder } from './builder.ts';
import type { BuiltRuntime, RuntimeCatalogue } from './catalogue.ts';
import type { Decision } from './runtime-revision.ts';
import type { RuntimeWishes } from './runtime-wishes.ts';

/** What answering takes. */
export type RuntimeDesiredParts = {
  readonly wishes: RuntimeWishes;
  readonly builder: RuntimeBuilder;
  readonly catalogue: RuntimeCatalogue;
  /** Name of the platform that bundles are built for, such as `linux-x64`. */
  readonly platform: string;
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Whether the tenant's agent answered the newest offer of a runtime with a failure. */
  readonly wasRefused: (tenant: string) => boolean;
  /** Tells those who watch the tenant how far the build of its bundle is. */
  readonly progress: (tenant: string, progress: Progress) => void;
};

const RETRY = { firstMillis: 2_000, maxMillis: 300_000 };

/** The answers. */
export class RuntimesOfTenants implements RuntimeDesired, RuntimeRequests, Part {
  readonly name = 'runtimes';
  readonly #parts: RuntimeDesiredParts;
  readonly #listeners = new Set<(tenants: 'all' | readonly string[]) => void>();
  /** Tenants whose bundle is on its way. */
  readonly #preparing = new Map<string, Promise<void>>();
  readonly #abort = new AbortController();

  constructor(parts: RuntimeDesiredParts) {
    this.#parts = parts;
  }

  async stop(): Promise<void> {
    this.#abort.abort('the coordinator stops');
    await this.#parts.builder.close();
    await Promise.all(this.#preparing.values());
  }

  onChange(listener: (tenants: 'all' | readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async forTenant(tenant: string): Promise<RuntimeOfTenant | undefined> {
    const decision = await this.#parts.wishes.decide(tenant);
    const built = decision && (await this.#built(decision));
    if (decision !== undefined && built !== undefined) return answer(decision, built);
    this.#prepare(tenant);
    return undefined;
  }

  async request(tenant: string, version: string): Promise<RuntimeRequestAnswer> {
    const decision = await this.#parts.wishes.decide(tenant);
    if (decision?.wish.pinned)
      return { accepted: false, version: decision.wish.version, message: refusal(decision), unchanged: false };
    try {
      const built = await this.#ensure(tenant, version);
      // Asking again for what was refused is an order to try again: a new revision.
      if (built.version === decision?.wish.version && !this.#parts.wasRefused(tenant))
        return { accepted: true, version: built.version, message: '', unchanged: true };
      await this.#parts.wishes.choose(tenant, built.version, { actor: `tenant/${tenant}`, reason: 'openclaw update' });
      return { accepted: true, version: built.version, message: '', unchanged: false };
    } catch (cause) {
      if (!(cause instanceof OpenCraneError) || cause.code === 'internal') throw cause;
      return {
        accepted: false,
        version,
        message: `${cause.message}${cause.mend && ` (${cause.mend})`}`,
        unchanged: false,
      };
    }
  }

  #built({ wish }: Decision): Promise<BuiltRuntime | undefined> {
    return this.#parts.catalogue.find(wish.version, this.#parts.platform);
  }

  #prepare(tenant: string): void {
    if (this.#preparing.has(tenant) || this.#abort.signal.aborted) return;
    const done = this.#keepTrying(tenant).finally(() => this.#preparing.delete(tenant));
    this.#preparing.set(tenant, done);
  }

  async #keepTrying(tenant: string): Promise<void> {
    const { clock, random, log } = this.#parts;
    for (let attempt = 0; !this.#abort.signal.aborted; attempt += 1) {
      try {
        await this.#prepareOnce(tenant);
        for (const listener of this.#listeners) listener([tenant]);
        return;
      } catch (cause) {
        if (this.#abort.signal.aborted) return;
        if (cause instanceof OpenCraneError && cause.reason === 'tenant_not_found') return; // deleted meanwhile
        log.warn({ err: cause, tenant }, 'preparing the runtime of a tenant failed');
        if (attempt === 0) await this.#explain(tenant, messageOf(cause));
        await clock.sleep(backoffMillis(attempt, RETRY, random), this.#abort.signal).catch(() => {});
      }
    }
  }

  async #prepareOnce(tenant: string): Promise<void> {
    const { wishes } = this.#parts;
    const decision = await wishes.decide(tenant);
    const built = await this.#ensure(tenant, decision?.wish.version ?? '');
    if (decision !== undefined) return;
    // Somebody may have decided while it was built.
    if ((await wishes.decide(tenant)) !== undefined) return;
    await wishes.choose(tenant, built.version, { actor: 'system', reason: 'first boot: latest' });
  }

  async #explain(tenant: string, why: string): Promise<void> {
    const { store, events } = this.#parts;
    const message = `waiting for its OpenClaw: ${why}`;
    await store.transaction((change) => events.record(change, { tenant, reason: 'RuntimeNotBuilt', message }));
  }

  /** Builds, and tells those who watch the tenant. */
  async #ensure(tenant: string, version: string): Promise<BuiltRuntime> {
    const { builder, clock, progress } = this.#parts;
    const began = clock.monotonic();
    const tell = (part: MessageInitShape<typeof ProgressSchema>) => {
      const elapsedMillis = BigInt(Math.round(clock.monotonic() - began));
      progress(tenant, create(ProgressSchema, { operation: 'build', elapsedMillis, ...part }));
    };
    let last = { step: 'resolve', message: '' };
    try {
      const built = await builder.ensure(version, (step, message, doneBytes, totalBytes) => {
        last = { step, message };
        tell({ ...last, doneBytes: BigInt(doneBytes), totalBytes: BigInt(totalBytes) });
      });
      tell({ ...last, finished: true });
      return built;
    } catch (cause) {
      tell({ ...last, finished: true, error: messageOf(cause) });
      throw cause;
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

function refusal({ wish, by }: Decision): string {
  const because = by.reason === '' ? '' : `: ${by.reason}`;
  return `OpenClaw is pinned to ${wish.version} for ${scopeText(by.scope)} by ${by.actor}${because}. Ask them to change or remove the pin.`;
}
