/**
 * Which packs manifests name. A manifest never changes, so what was read is remembered while this process lives; a day of a
 * busy tenant has 30,000 of them.
 */
import type { ObjectName } from '../../bucket/bucket.ts';
import type { PackId } from '../../bucket/layout.ts';
import { readPacks } from '../format/manifest.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { mapConcurrently } from '../map-concurrently.ts';
import { unlessUnreadable } from '../unreadable.ts';
import type { Vault } from '../vault.ts';

/** Manifests read at once; what counts is the way to the bucket and back. */
const READS = 16;

/** Remembers what manifests name. */
export class NamedPacks {
  readonly #vault: Vault;
  readonly #known = new Map<ObjectName, readonly PackId[]>();

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /**
   * Reads those that are not known; returns those that cannot be read: damaged, missing, or not of this vault. `listed` are
   * the ids of packs that are there: one that many manifests name is held once.
   */
  async load(
    refs: readonly ManifestRef[],
    listed: Iterable<PackId>,
    onRead: (ref: ManifestRef) => void,
    signal?: AbortSignal,
  ): Promise<ManifestRef[]> {
    const ids = new Map<PackId, PackId>();
    for (const id of listed) ids.set(id, id);
    const unreadable: ManifestRef[] = [];
    const unknown = refs.filter(({ name }) => !this.#known.has(name));
    await mapConcurrently(unknown, READS, async (ref) => {
      const rows = await readPacks(this.#vault, ref, signal).catch(unlessUnreadable);
      if (rows)
        this.#known.set(
          ref.name,
          rows.map(([id]) => ids.get(id) ?? id),
        );
      else unreadable.push(ref);
      onRead(ref);
    });
    return unreadable;
  }

  /** What these name, as far as it was read. */
  namedBy(refs: readonly ManifestRef[]): Set<PackId> {
    const named = new Set<PackId>();
    for (const { name } of refs) for (const id of this.#known.get(name) ?? []) named.add(id);
    return named;
  }

  /** Forgets all but these. */
  keep(refs: readonly ManifestRef[]): void {
    const kept = new Set(refs.map(({ name }) => name));
    for (const name of this.#known.keys()) if (!kept.has(name)) this.#known.delete(name);
  }
}
