import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { choosePacks, type PackUse } from './choose-packs.ts';

const MIB = 1024 * 1024;
const FULL = 8 * MIB;

const packs = (count: number, neededBytes: number, plainBytes: number, first = 0): PackUse[] =>
  Array.from({ length: count }, (_, at) => ({ pack: first + at, neededBytes, plainBytes }));

const rows: { reason: string; uses: PackUse[]; chosen: number }[] = [
  { reason: 'without packs there is nothing to move', uses: [], chosen: 0 },
  { reason: 'a few crumbs are left', uses: packs(64, 4096, 4096), chosen: 0 },
  { reason: 'many are gathered', uses: packs(65, 4096, 4096), chosen: 65 },
  { reason: 'packs that nobody needs are no crumbs', uses: packs(100, 0, 4096), chosen: 0 },
  { reason: 'full packs are left, however many', uses: packs(500, FULL, FULL), chosen: 0 },
  { reason: 'a little waste is left', uses: packs(2, 2 * MIB, FULL), chosen: 0 },
  {
    reason: 'waste is left while much more is needed',
    uses: [...packs(4, 2 * MIB, FULL), ...packs(20, FULL, FULL, 4)],
    chosen: 0,
  },
  { reason: 'much waste is moved, a bounded piece at a time', uses: packs(40, 2 * MIB, FULL), chosen: 8 },
];

for (const { reason, uses, chosen } of rows) test(reason, () => assert.equal(choosePacks(uses).size, chosen));

test('the sparsest are moved first', () => {
  const uses = [...packs(20, 3 * MIB, FULL), ...packs(8, MIB, FULL, 20)];
  const chosen = [...choosePacks(uses)];
  assert.deepEqual(chosen.slice(0, 8), [20, 21, 22, 23, 24, 25, 26, 27]);
});

test('whatever is written, the number of packs and the waste stay bounded, and so does what is moved', () => {
  const page = 64 * 1024; // coarse, so that thousands of snapshots take no time
  const parameters = fc.record({
    pages: fc.integer({ min: 16, max: 1024 }),
    changed: fc.integer({ min: 1, max: 8 }),
    added: fc.nat(1),
    hot: fc.double({ min: 0.02, max: 1, noNaN: true }),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(parameters, ({ pages, changed, added, hot, seed }) => {
      const store = new Store(page);
      store.write(Array.from({ length: pages }, (_, at) => at));
      let [random, count, written, moved] = [seed, pages, 0, 0];
      for (let snapshot = 0; snapshot < 600; snapshot += 1) {
        const set = new Set<number>();
        for (let change = 0; change < changed; change += 1) {
          random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
          set.add(random % Math.max(1, Math.floor(count * hot)));
        }
        for (let more = 0; more < added; more += 1) set.add(count++);
        written += store.write([...set]);
        const before = store.neededOf(choosePacks(store.uses()));
        moved += store.write(before);
        assert.ok(before.length * page <= 16 * MIB + 65 * MIB + FULL);
      }
      const uses = store.uses().filter(({ neededBytes }) => neededBytes > 0);
      const needed = count * page;
      assert.ok(uses.length <= 65 + needed / MIB, `${uses.length} packs for ${needed / MIB} MiB`);
      const waste = uses.reduce((sum, { plainBytes, neededBytes }) => sum + plainBytes - neededBytes, 0);
      assert.ok(waste <= 2 * needed + 16 * MIB + 65 * MIB, `${waste / MIB} MiB of waste for ${needed / MIB} MiB`);
      assert.ok(moved <= 4 * written + 16 * MIB, `${moved / MIB} MiB moved for ${written / MIB} MiB`);
    }),
    { numRuns: 30 },
  );
});

type StoredPack = { readonly needed: Set<number>; plainBytes: number };

/** Pages and the packs that they lie in. */
class Store {
  readonly #page: number;
  readonly #packs: StoredPack[] = [];
  readonly #where = new Map<number, number>();

  constructor(page: number) {
    this.#page = page;
  }

  /** Writes pages into new packs; says how many bytes. */
  write(pages: readonly number[]): number {
    let pack: StoredPack | undefined;
    for (const page of pages) {
      if (!pack || pack.plainBytes + this.#page > FULL) {
        pack = { needed: new Set(), plainBytes: 0 };
        this.#packs.push(pack);
      }
      this.#packs[this.#where.get(page) ?? -1]?.needed.delete(page);
      this.#where.set(page, this.#packs.length - 1);
      pack.needed.add(page);
      pack.plainBytes += this.#page;
    }
    return pages.length * this.#page;
  }

  uses(): PackUse[] {
    return this.#packs.map(({ needed, plainBytes }, pack) => ({
      pack,
      neededBytes: needed.size * this.#page,
      plainBytes,
    }));
  }

  neededOf(packs: ReadonlySet<number>): number[] {
    return [...packs].flatMap((pack) => [...(this.#packs[pack]?.needed ?? [])]);
  }
}
