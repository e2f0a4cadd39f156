/** The runtimes of a coordinator for tests, on any store: everything real but npm and the bundles' content. */
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Digest, digestOf } from '@opencrane/kit/digest.ts';
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import { TenantOffers } from '../offers/desired-state.ts';
import type { Scope } from '../revisions/scope.ts';
import type { Store } from '../store/store.ts';
import { silent } from '../store/testing.ts';
import { runtimeTenants } from '../tenants/runtime-tenants.ts';
import { assemble } from '../tenants/testing.ts';
import { BlobStore } from './blob-store.ts';
import type { BuiltRuntime } from './catalogue.ts';
import { RuntimeCatalogue } from './catalogue.ts';
import { RuntimesOfTenants } from './runtime-desired.ts';
import { RuntimePreparer } from './runtime-preparer.ts';
import { RuntimeWishes } from './runtime-wishes.ts';
import { TenantBundles } from './tenant-bundles.ts';

const PLATFORM = 'linux-x64';

/** Pins and unpins without an expectation. */
export const unchecked = { expectedRevision: 0n, expectUnwritten: false };

/** A wish of an admin. */
export const admin = { actor: 'admin', reason: '' };

/** Builds what a test says, as the real builder does: into the blobs and the catalogue. */
class FakeBuilder {
  readonly asked: string[] = [];
  /** What `latest` is. */
  latest = '2026.9.6';
  /** Awaited in every build. */
  during: () => Promise<void> = async () => {};
  /** Thrown by every build while it is set. */
  failure: OpenCraneError | undefined;
  /** Part of every bundle's content. */
  content = 'bundle';
  readonly #blobs: BlobStore;
  readonly #catalogue: RuntimeCatalogue;
  readonly #stage: string;
  readonly #replaced = new Set<(built: BuiltRuntime) => void>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(blobs: BlobStore, catalogue: RuntimeCatalogue, stage: string) {
    this.#blobs = blobs;
    this.#catalogue = catalogue;
    this.#stage = stage;
  }

  /** Builds one at a time. */
  ensure(wanted: string): Promise<BuiltRuntime> {
    this.asked.push(wanted);
    const build = this.#last.catch(() => {}).then(() => this.#build(wanted));
    this.#last = build;
    return build;
  }

  async #build(wanted: string): Promise<BuiltRuntime> {
    await this.during();
    if (this.failure !== undefined) throw this.failure;
    const version = wanted || this.latest;
    const before = await this.#catalogue.find(version, PLATFORM);
    if (before !== undefined && (await this.#blobs.isWhole(before.digest, before.bytes))) return before;
    const content = `${this.content} of ${version}`;
    const digest = digestOf(content);
    const file = join(this.#stage, version);
    await writeFile(file, content);
    await this.#blobs.adopt(file, digest);
    const facts = { platform: PLATFORM, nodeRange: '*', integrity: 'sha512-x', builtAt: 1 };
    const built = { version, digest, bytes: content.length, ...facts };
    await this.#catalogue.add(built);
    if (before !== undefined && before.digest !== digest) for (const listener of this.#replaced) listener(built);
    return built;
  }

  onReplaced(listener: (built: BuiltRuntime) => void): () => void {
    this.#replaced.add(listener);
    return () => this.#replaced.delete(listener);
  }
}

/** Puts the runtimes together, with tenants jente and noor of the team crew and sam of none. The preparer runs from `start` on. */
export async function assembleRuntimes(t: TestContext, store: Store) {
  const folder = mkdtempSync(join(tmpdir(), 'opencrane-runtimes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const inside = await assemble(store);
  for (const [name, team] of [
    ['jente', 'crew'],
    ['noor', 'crew'],
    ['sam', ''],
  ] as const)
    await inside.addTenant(name, team);
  const { revisions, audit, events, clock, directory } = inside;
  const catalogue = new RuntimeCatalogue(store);
  const blobs = new BlobStore(join(folder, 'blobs'));
  const builder = new FakeBuilder(blobs, catalogue, folder);
  const tenants = runtimeTenants(directory, inside.tenants);
  const wishes = new RuntimeWishes({ store, revisions, audit, tenants });
  const parts = {
    wishes,
    builder,
    catalogue,
    platform: PLATFORM,
    clock,
    progress: () => {},
  };
  const preparer = new RuntimePreparer({
    ...parts,
    revisions,
    tenants,
    blobs,
    store,
    events,
    random: () => 0.5,
    log: silent,
  });
  const refusedBy = new Set<string>();
  const runtimes = new RuntimesOfTenants({ ...parts, preparer, wasRefused: (tenant) => refusedBy.has(tenant) });
  let looks = 0;
  const lost = () => {
    looks += 1;
    preparer.look();
  };
  return {
    ...inside,
    ...parts,
    preparer,
    runtimes,
    refusedBy,
    blobs,
    desired: new TenantOffers({ directory, revisions, runtimes }),
    bundles: new TenantBundles({ ...parts, blobs, lost }),
    looks: () => looks,
    start: async () => {
      t.after(() => preparer.stop());
      await preparer.start();
    },
    /** What of revisions is in the database. */
    written: async (scope: Scope) => (await revisions.list([scope], 'runtime', 100)).map(({ payload }) => payload),
    file: (digest: Digest) => blobs.path(digest),
  };
}
