/** What is damaged, and which snapshots need it. */
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ManifestRef } from '../format/object-ids.ts';

/** An object that is not what it should be. */
export type Damaged = {
  readonly name: string;
  readonly reason: string;
  readonly message: string;
  /** Numbers of the snapshots that need it, ascending; none need the head. */
  readonly sequences: readonly number[];
};

/** Gathers damages. The first thing that is found of an object counts. */
export class Damages {
  readonly #byName = new Map<string, { readonly error: OpenCraneError; readonly sequences: Set<number> }>();

  /** `name` is what the error is about, unless it is given. */
  add(error: OpenCraneError, needing: Iterable<ManifestRef>, name: string = error.field): void {
    const known = this.#byName.get(name) ?? { error, sequences: new Set() };
    this.#byName.set(name, known);
    for (const { sequence } of needing) known.sequences.add(sequence);
  }

  /** All, by name. */
  list(): Damaged[] {
    return [...this.#byName]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { error, sequences }]) => {
        const { reason, message } = error;
        return { name, reason, message, sequences: [...sequences].sort((a, b) => a - b) };
      });
  }
}
