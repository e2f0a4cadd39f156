/**
 * Which pages changed since the capture that is stored: pure.
 *
 *   known ──lost()──▶ unknown ──a whole capture is stored──▶ known
 *
 * While a capture is out, what comes after it is kept apart: it counts alone when the capture is stored, and together with
 * what was before when it is not.
 */
import { PageSet } from './page-set.ts';

/** Changes since some moment. `least`: the fewest pages the database had since; what grew again beyond them is new. */
type Changes = { readonly pages: PageSet; least: number };

/** The changes of one database. */
export class ChangeLedger {
  /** Since the stored capture, or since the one that is out; undefined when that cannot be told. */
  #since: Changes | undefined;
  #out: { readonly since: Changes | undefined } | undefined;

  /** Begins at a stored capture of so many pages; without one everything counts as changed. */
  constructor(databasePages?: number) {
    this.#since = databasePages === undefined ? undefined : changesOf(databasePages);
  }

  /** A transaction was committed. */
  changed(pages: Iterable<number>, databasePages: number): void {
    if (!this.#since) return;
    this.#since.pages.addAll(pages);
    this.#since.least = Math.min(this.#since.least, databasePages);
  }

  /** Changes were missed. */
  lost(): void {
    this.#since = undefined;
  }

  /** What changed since the stored capture, for an image of so many pages, ascending; undefined: everything may have. */
  pages(databasePages: number): readonly number[] | undefined {
    if (!this.#since) return undefined;
    const { pages, least } = this.#since;
    for (let page = least; page < databasePages; page += 1) pages.add(page);
    return [...pages.below(databasePages)];
  }

  /** A capture of this moment goes out. */
  takeOut(databasePages: number): void {
    this.#out = { since: this.#since };
    this.#since = changesOf(databasePages);
  }

  /** The capture that was out is stored, or it is not and counts for nothing. */
  takeBack(stored: boolean): void {
    if (this.#out && !stored) this.#since = together(this.#out.since, this.#since);
    this.#out = undefined;
  }
}

function changesOf(databasePages: number): Changes {
  return { pages: new PageSet(), least: databasePages };
}

function together(earlier: Changes | undefined, later: Changes | undefined): Changes | undefined {
  if (!earlier || !later) return undefined;
  earlier.pages.addAll(later.pages.below(Number.POSITIVE_INFINITY));
  return { pages: earlier.pages, least: Math.min(earlier.least, later.least) };
}
