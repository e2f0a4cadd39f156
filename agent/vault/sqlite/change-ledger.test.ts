import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChangeLedger } from './change-ledger.ts';

/** One thing that happens to a database or its captures. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      pages: fc.array(fc.nat(30)),
      size: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('capture' as const),
      stored: fc.boolean(),
      meanwhile: fc.array(fc.nat(30)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
);

/**
 * A database as one number per page, and a copy that only captures bring up to date. A page that comes back after the
 * database was shorter has a new number even if nobody wrote it, as SQLite's is zero then.
 */
class Model {
  readonly ledger = new ChangeLedger();
  #database: number[] = [0];
  #copy: readonly number[] = [];
  #version = 0;

  commit(pages: readonly number[], size = this.#database.length): void {
    this.#version += 1;
    this.#database = Array.from({ length: size }, (_, page) => this.#database[page] ?? this.#version);
    const written = pages.filter((page) => page < size);
    for (const page of written) this.#database[page] = this.#version;
    this.ledger.changed(written, size);
  }

  capture(stored: boolean, meanwhile: readonly number[]): void {
    const size = this.#database.length;
    const pages = this.ledger.pages(size);
    if (pages)
      assert.deepEqual(
        pages,
        [...new Set(pages)].toSorted((left, right) => left - right),
      );
    const image = this.#database.map((number, page) => (!pages || pages.includes(page) ? number : this.#copy[page]));
    assert.deepEqual(image, this.#database);
    if (stored) this.#copy = [...this.#database];
    this.ledger.takeOut(size);
    this.commit(meanwhile);
    this.ledger.takeBack(stored);
  }
}

test('what it tells always brings a copy up to date, whatever was stored, failed or lost', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const now of steps) {
        if (now.do === 'commit') model.commit(now.pages, now.size);
        else if (now.do === 'capture') model.capture(now.stored, now.meanwhile);
        else model.ledger.lost();
      }
    }),
    { numRuns: 500 },
  );
});

test('nothing changed: nothing to bring', () => {
  assert.deepEqual(new ChangeLedger(10).pages(10), []);
});

test('without a stored capture everything counts as changed', () => {
  assert.equal(new ChangeLedger().pages(10), undefined);
});
