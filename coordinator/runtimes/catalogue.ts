/** The bundles that were built, in the database; the bytes are in the blob store. */
import { type Digest, parseDigest } from '@opencrane/kit/digest.ts';
import type { Selectable } from 'kysely';
import type { Schema } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** A bundle that was built. */
export type BuiltRuntime = {
  readonly version: string;
  /** Such as `linux-x64`. */
  readonly platform: string;
  readonly digest: Digest;
  readonly bytes: number;
  readonly nodeRange: string;
  readonly integrity: string;
  readonly builtAt: number;
};

/** The table of bundles. */
export class RuntimeCatalogue {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async find(version: string, platform: string): Promise<BuiltRuntime | undefined> {
    const row = await this.#store.db
      .selectFrom('runtimes')
      .selectAll()
      .where('version', '=', version)
      .where('platform', '=', platform)
      .executeTakeFirst();
    return row && decode(row);
  }

  /** The version that a bundle is of, also when a later build of that version is another bundle. */
  async versionOf(digest: Digest): Promise<string | undefined> {
    const row = await this.#store.db
      .selectFrom('bundles')
      .select('version')
      .where('digest', '=', digest)
      .executeTakeFirst();
    return row?.version;
  }

  /** Every bundle, newest first. */
  async list(): Promise<BuiltRuntime[]> {
    const rows = await this.#store.db.selectFrom('runtimes').selectAll().orderBy('built_at', 'desc').execute();
    return rows.map(decode);
  }

  /** Writes a bundle down; one that was built again takes the place of the one before. */
  async add({ version, platform, digest, bytes, nodeRange, integrity, builtAt }: BuiltRuntime): Promise<void> {
    const row = { version, platform, digest, bytes, node_range: nodeRange, integrity, built_at: builtAt };
    await this.#store.transaction(async ({ db }) => {
      await db
        .insertInto('runtimes')
        .values(row)
        .onConflict((conflict) => conflict.columns(['version', 'platform']).doUpdateSet(row))
        .execute();
      await db
        .insertInto('bundles')
        .values({ digest, version })
        .onConflict((conflict) => conflict.column('digest').doNothing())
        .execute();
    });
  }
}

function decode({ digest, node_range, built_at, ...row }: Selectable<Schema['runtimes']>): BuiltRuntime {
  return { ...row, digest: parseDigest(digest), nodeRange: node_range, builtAt: built_at };
}
