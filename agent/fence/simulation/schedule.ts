/** Events in the order of their (real) time, and chance that a seed repeats. */

import { seededRandom } from '@opencrane/kit/testing/seeded-random.ts';

type Entry = { readonly time: number; readonly order: number; readonly event: () => void };

/** Runs what is due, one after the other. */
export class Schedule {
  /** Real time in milliseconds; nobody in the simulation can read it. */
  now = 0;
  /** A binary heap: no entry is due before its parent. */
  readonly #heap: Entry[] = [];
  #count = 0;

  /** Has something happen at a time; what is past happens next. */
  at(time: number, event: () => void): void {
    this.#count += 1;
    const entry = { time: Math.max(time, this.now), order: this.#count, event };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = heap[(at - 1) >> 1];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[at] = parent;
      at = (at - 1) >> 1;
    }
    heap[at] = entry;
  }

  /** Has something happen after a while. */
  after(millis: number, event: () => void): void {
    this.at(this.now + millis, event);
  }

  /** Lets the next thing happen; false when there is nothing any more. */
  step(): boolean {
    const [next] = this.#heap;
    const last = this.#heap.pop();
    if (next === undefined || last === undefined) return false;
    if (next !== last) this.#sink(last);
    this.now = next.time;
    next.event();
    return true;
  }

  /** Puts an entry in the place of the first. */
  #sink(entry: Entry): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let least = heap[child];
      const right = heap[child + 1];
      if (least !== undefined && right !== undefined && isBefore(right, least)) {
        child += 1;
        least = right;
      }
      if (least === undefined || !isBefore(least, entry)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = entry;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.time < other.time || (one.time === other.time && one.order < other.order);
}

/** Chance that is the same for the same seed. */
export class Chance {
  /** Evenly from 0 to below 1. */
  readonly next: () => number;

  constructor(seed: number) {
    this.next = seededRandom(seed);
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }
}
