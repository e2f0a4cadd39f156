/**
 * What each tenant should serve, as offers that are ready to be sent. Reading, merging and encoding happen once per
 * change and set of layers, not once per tenant: ten thousand tenants without layers of their own share one offer.
 */
import { canonicalJson } from '@opencrane/kit/canonical-json.ts';
import { digestOf, digestOfJson } from '@opencrane/kit/digest.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { DesiredState } from '../agents/ports.ts';
import { mergedConfig } from '../config/merged-config.ts';
import type { RevisionHead, RevisionStore } from '../revisions/revision-store.ts';
import { type Scope, scopesOf, scopeText } from '../revisions/scope.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import type { PreparedOffer } from './offer.ts';
import type { RuntimeDesired, RuntimeOfTenant } from './ports.ts';
import { prepareOffer } from './prepare-offer.ts';
import { Remembered } from './remembered.ts';

/** What desired state is made of. */
export type DesiredStateParts = {
  readonly directory: TenantDirectory;
  readonly revisions: RevisionStore;
  readonly runtimes: RuntimeDesired;
};

type Affected = 'all' | readonly string[];

/** Offers that are remembered of each kind. Past that the oldest are made anew when they are asked for. */
const MOST_REMEMBERED = 20_000;

/** The desired state of all tenants. */
export class TenantOffers implements DesiredState {
  readonly #parts: DesiredStateParts;
  readonly #listeners = new Set<(tenants: Affected) => void>();
  /** Scopes that have a layer, as text; read whole when they are needed first. */
  readonly #layers = new Set<string>();
  #layersRead: Promise<void> | undefined;
  /** CONFIG offers by the innermost scope that has a layer: tenants that have none of their own share one. */
  readonly #configs = new Remembered<PreparedOffer>(MOST_REMEMBERED);
  /** RUNTIME offers by tenant. */
  readonly #runtimes = new Remembered<PreparedOffer | undefined>(MOST_REMEMBERED);
  /** RUNTIME offers by what they say, so that tenants share them. */
  readonly #runtimeOffers = new Remembered<PreparedOffer>(MOST_REMEMBERED);

  constructor(parts: DesiredStateParts) {
    this.#parts = parts;
    parts.revisions.onAppended((revision) => this.#onRevision(revision));
    parts.runtimes.onChange((tenants) => this.#onRuntime(tenants));
    parts.directory.onRemoved((tenant) => {
      const scope = scopeText({ kind: 'tenant', name: tenant });
      this.#layers.delete(scope);
      this.#configs.forget(scope);
      this.#onRuntime([tenant]);
    });
  }

  async offersFor(tenant: string): Promise<readonly PreparedOffer[]> {
    const { record } = this.#parts.directory.get(tenant);
    const [config, runtime] = await Promise.all([this.#config(scopesOf(record)), this.#runtime(tenant)]);
    return [config, runtime].filter((offer) => offer !== undefined);
  }

  onChange(listener: (tenants: Affected) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #config(scopes: readonly Scope[]): Promise<PreparedOffer | undefined> {
    const { revisions } = this.#parts;
    this.#layersRead ??= this.#readLayers();
    await this.#layersRead;
    const innermost = scopes.map(scopeText).findLast((scope) => this.#layers.has(scope));
    if (innermost === undefined) return undefined; // nobody ever wrote a layer
    return this.#configs.get(innermost, async () => {
      const { document, revision } = await mergedConfig(revisions, scopes);
      const text = canonicalJson(document);
      return prepareOffer(Kind.CONFIG, BigInt(revision), digestOf(text), {
        case: 'config',
        value: { document: Buffer.from(text) },
      });
    });
  }

  async #readLayers(): Promise<void> {
    try {
      for (const head of await this.#parts.revisions.heads('config')) this.#layers.add(scopeText(head.scope));
    } catch (cause) {
      this.#layersRead = undefined; // the next who needs them tries again
      throw cause;
    }
  }

  #runtime(tenant: string): Promise<PreparedOffer | undefined> {
    return this.#runtimes.get(tenant, async () => {
      const runtime = await this.#parts.runtimes.forTenant(tenant);
      if (runtime === undefined) return undefined;
      const key = Object.values(runtime).join('\0');
      return this.#runtimeOffers.get(key, async () => runtimeOffer(runtime));
    });
  }

  #onRevision(revision: RevisionHead): void {
    const { scope, kind } = revision;
    const affected = this.#affectedBy(scope);
    if (kind === 'runtime') {
      this.#onRuntime(affected);
      return;
    }
    this.#layers.add(scopeText(scope));
    if (affected === 'all') this.#configs.forgetAll();
    else for (const name of affected) this.#configs.forget(scopeText({ kind: 'tenant', name }));
    this.#configs.forget(scopeText(scope));
    this.#tell(affected);
  }

  #onRuntime(tenants: Affected): void {
    if (tenants === 'all') this.#runtimes.forgetAll();
    else for (const tenant of tenants) this.#runtimes.forget(tenant);
    this.#tell(tenants);
  }

  #affectedBy(scope: Scope): Affected {
    if (scope.kind === 'organisation') return 'all';
    return scope.kind === 'team' ? this.#parts.directory.ofTeam(scope.name) : [scope.name];
  }

  #tell(tenants: Affected): void {
    for (const listener of this.#listeners) listener(tenants);
  }
}

function runtimeOffer({ revision, bundleBytes, ...runtime }: RuntimeOfTenant): PreparedOffer {
  const { version, bundleDigest, restoreKeptState } = runtime;
  const digest = digestOfJson({ version, bundleDigest, ...(restoreKeptState && { restoreKeptState }) });
  return prepareOffer(Kind.RUNTIME, revision, digest, {
    case: 'runtime',
    value: { ...runtime, bundleBytes: BigInt(bundleBytes) },
  });
}
