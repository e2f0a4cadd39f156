/**
 * Sees to it that the bundle of every tenant is built, in a loop of its own, so that reading what is wanted has no effect.
 *
 *   created, or a RUNTIME revision written ──▶ due ──▶ its bundle is here ──▶ nothing to do
 *                                               ├──▶ nobody has said ──▶ latest built, written as the tenant's own ──▶ told
 *                                               └──▶ a version is not built ──▶ built ──▶ told
 *   a bundle that was built and is wanted is gone, or is not what its digest says ──▶ built again ──▶ told
 *
 * A build that fails is tried again with backoff, at once when something else is wanted; the events say why it waits.
 */
import { backoffMillis } from '@opencrane/kit/backoff.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { EventLog } from '../events/event-log.ts';
import { Wakeup } from '../events/wakeup.ts';
import type { RuntimeDesired } from '../offers/ports.ts';
import type { RevisionStore } from '../revisions/revision-store.ts';
import type { Scope } from '../revisions/scope.ts';
import type { Store } from '../store/store.ts';
import type { BlobStore } from './blob-store.ts';
import type { RuntimeBuilder } from './builder.ts';
import type { BuiltRuntime, RuntimeCatalogue } from './catalogue.ts';
import type { TenantDirectory } from './ports.ts';
import type { RuntimeWishes } from './runtime-wishes.ts';
import { buildForTenant, type TenantBuildsParts } from './tenant-builds.ts';

/** What preparing takes. */
export type RuntimePreparerParts = TenantBuildsParts & {
  readonly builder: Pick<RuntimeBuilder, 'ensure' | 'onReplaced'>;
  readonly wishes: RuntimeWishes;
  readonly revisions: Pick<RevisionStore, 'onAppended'>;
  readonly tenants: TenantDirectory;
  readonly catalogue: RuntimeCatalogue;
  readonly blobs: Pick<BlobStore, 'isWhole'>;
  /** Name of the platform that bundles are built for, such as `linux-x64`. */
  readonly platform: string;
  readonly store: Store;
  readonly events: EventLog;
  readonly random: () => number;
  readonly log: Logger;
};

type Listener = Parameters<RuntimeDesired['onChange']>[0];

const RETRY = { firstMillis: 2_000, maxMillis: 300_000 };

/** How often the bundles on disk are looked at. A look is a `stat` of each, and a reading of those that have changed. */
const LOOK_MILLIS = 60_000;

/** The loop. */
export class RuntimePreparer implements Part {
  readonly name = 'runtime preparer';
  readonly #parts: RuntimePreparerParts;
  readonly #listeners = new Set<Listener>();
  readonly #due = new Set<string>();
  readonly #bell = new Wakeup();
  /** What is being built, by tenant, or by version for bundles that were lost; and how to cut its waiting short. */
  readonly #underWay = new Map<string, { readonly done: Promise<void>; readonly bell: Wakeup }>();
  readonly #stopping = new AbortController();
  #unsubscribe: readonly (() => void)[] = [];
  #loop: Promise<void> | undefined;

  constructor(parts: RuntimePreparerParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { builder, revisions, tenants } = this.#parts;
    this.#unsubscribe = [
      builder.onReplaced(() => this.#tell('all')),
      tenants.onAdded((name) => this.#mark([name])),
      revisions.onAppended(({ kind, scope }) => {
        if (kind === 'runtime') void this.#markScope(scope);
      }),
    ];
    await this.#markScope({ kind: 'organisation' });
    this.#loop = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    for (const stop of this.#unsubscribe) stop();
    this.#stopping.abort('the coordinator stops');
    await this.#loop;
    await Promise.all([...this.#underWay.values()].map(({ done }) => done));
  }

  /** Calls back after a bundle that somebody waits for was built; returns how to stop. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks at the bundles on disk soon: one seems to be lost. */
  look(): void {
    this.#bell.wake();
  }

  async #markScope(scope: Scope): Promise<void> {
    this.#mark(await this.#parts.tenants.namesIn(scope));
  }

  #mark(names: readonly string[]): void {
    for (const name of names) this.#due.add(name);
    this.#bell.wake();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    while (!signal.aborted) {
      const names = [...this.#due];
      this.#due.clear();
      try {
        await this.#prepareDue(names);
        await this.#rebuildLost();
      } catch (err) {
        log.warn({ err }, 'looking at which bundles are needed failed; it is tried again');
        for (const name of names) this.#due.add(name);
      }
      await restOrBell(clock, LOOK_MILLIS, this.#bell, signal);
    }
  }

  async #prepareDue(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const { wishes, catalogue, platform } = this.#parts;
    const built = new Set(
      (await catalogue.list()).filter((one) => one.platform === platform).map(({ version }) => version),
    );
    for (const [name, decision] of await wishes.decideEach(names)) {
      if (decision === undefined || !built.has(decision.wish.version))
        this.#keepTrying(name, name, () => this.#prepare(name));
    }
  }

  async #rebuildLost(): Promise<void> {
    const { wishes, catalogue, blobs, platform, tenants } = this.#parts;
    const lost: BuiltRuntime[] = [];
    for (const one of await catalogue.list()) {
      if (one.platform === platform && !(await blobs.isWhole(one.digest, one.bytes))) lost.push(one);
    }
    if (lost.length === 0) return;
    const decisions = await wishes.decideEach(await tenants.namesIn({ kind: 'organisation' }));
    const wanted = new Set([...decisions.values()].map((decision) => decision?.wish.version));
    for (const { version } of lost) {
      if (wanted.has(version)) this.#keepTrying(`bundle ${version}`, '', () => this.#rebuild(version));
    }
  }

  /** Does something until it succeeds, or there is nobody left to do it for. Under way already, it stops waiting. */
  #keepTrying(what: string, tenant: string, work: () => Promise<void>): void {
    const underWay = this.#underWay.get(what);
    if (underWay !== undefined) {
      underWay.bell.wake();
      return;
    }
    const bell = new Wakeup();
    const done = this.#try(tenant, work, bell).finally(() => {
      this.#underWay.delete(what);
      this.#bell.wake(); // something else may be wanted since
    });
    this.#underWay.set(what, { done, bell });
  }

  async #try(tenant: string, work: () => Promise<void>, bell: Wakeup): Promise<void> {
    const { clock, random, log } = this.#parts;
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        return await work();
      } catch (cause) {
        if (signal.aborted || isGone(cause)) return;
        log.warn({ err: cause, tenant }, 'preparing a runtime failed');
        if (attempt === 0)
          await this.#record(tenant, 'RuntimeNotBuilt', `waiting for its OpenClaw: ${messageOf(cause)}`);
        await restOrBell(clock, backoffMillis(attempt, RETRY, random), bell, signal);
      }
    }
  }

  async #prepare(tenant: string): Promise<void> {
    const { wishes } = this.#parts;
    const decision = await wishes.decide(tenant);
    const built = await buildForTenant(this.#parts, tenant, decision?.wish.version ?? '');
    if (decision === undefined) {
      const who = { actor: 'system', reason: 'first boot: latest' };
      await wishes.choose(tenant, built.version, who, (now) => now === undefined); // somebody may have decided meanwhile
    }
    this.#tell([tenant]);
  }

  async #rebuild(version: string): Promise<void> {
    const { builder } = this.#parts;
    await builder.ensure(version);
    await this.#record('', 'BundleRebuilt', `the bundle of OpenClaw ${version} was lost here and was built again`);
  }

  async #record(tenant: string, reason: string, message: string): Promise<void> {
    const { store, events, log } = this.#parts;
    try {
      await store.transaction((change) => events.record(change, { tenant, reason, message }));
    } catch (err) {
      log.warn({ err, tenant, reason }, 'an event could not be kept');
    }
  }

  #tell(tenants: 'all' | readonly string[]): void {
    for (const listener of this.#listeners) listener(tenants);
  }
}

/** Waits so long, or until the bell is rung or the signal fires. */
async function restOrBell(clock: Clock, millis: number, bell: Wakeup, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  await Promise.race([clock.sleep(millis, either).catch(() => {}), bell.wait(either)]);
  over.abort();
}

/** Whether there is nobody left to do it for. */
function isGone(cause: unknown): boolean {
  return cause instanceof OpenCraneError && ['tenant_not_found', 'tenant_deleting'].includes(cause.reason);
}
