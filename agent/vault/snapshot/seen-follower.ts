/** What was seen at one snapshot, followed to a later one: what changed in between was not seen as it is now. */
import type { ObjectName } from '../../bucket/bucket.ts';
import type { TreeRow } from '../format/manifest-body.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import type { Seen } from './seen-files.ts';

/** Watches a chain being applied. */
export class SeenFollower {
  readonly #seen: Seen;
  /** The manifest whose rows come now. */
  #at: ObjectName | undefined;
  #isPast = false;

  constructor(seen: Seen) {
    this.#seen = seen;
  }

  /** For each row of the chain, from the full manifest on. */
  onRow({ name }: ManifestRef, row: TreeRow): void {
    if (name !== this.#at) {
      this.#isPast ||= this.#at !== undefined && this.#at === this.#seen.manifest;
      this.#at = name;
    }
    // Positions of databases may stay behind: pages that changed since are a superset of those that are not stored.
    if (this.#isPast && row[0] !== '+') this.#seen.files.delete(row[1]);
  }

  /** What was seen of the newest manifest's tree; nothing when the chain did not come past the one that was seen. */
  seen(newest: ObjectName | null): Seen {
    if (this.#isPast || newest === this.#seen.manifest) return { ...this.#seen, manifest: newest };
    return { manifest: newest, files: new Map(), positions: new Map() };
  }
}
