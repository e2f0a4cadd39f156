/** Snapshots that look only into folders in which something changed. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ObjectName } from '../../bucket/bucket.ts';
import { manifestRef } from '../format/object-ids.ts';
import { anyFolderChange, changeFolder, type FolderChange, statsOf } from '../testing-folder-changes.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import type { Snapshotter } from './snapshotter.ts';
import { TestState } from './testing.ts';

const anyStep = fc.oneof(
  { weight: 4, arbitrary: anyFolderChange },
  /** A snapshot within what was heard of until now; some of it may come only later. */
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('take'),
      late: fc.nat(3),
      failsAt: fc.option(fc.constantFrom('scanned', 'manifest', 'head')),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'look everywhere' } as const) },
);

async function entriesOf(state: TestState, name: ObjectName | undefined) {
  const ref = name && manifestRef(name);
  return ref ? (await loadSnapshot(state.vault, ref)).tree.entries : new Map<string, never>();
}

/** A state, and the folders that were heard of and are in no snapshot yet. */
class Course {
  readonly state: TestState;
  readonly #snapshotter: Snapshotter;
  #heard = new Set<string>();

  static async make(): Promise<Course> {
    const state = await TestState.make();
    const snapshotter = await state.open();
    await state.take(snapshotter);
    return new Course(state, snapshotter);
  }

  private constructor(state: TestState, snapshotter: Snapshotter) {
    this.state = state;
    this.#snapshotter = snapshotter;
  }

  change(change: FolderChange, content: string): void {
    for (const folder of changeFolder(this.state.root, change, content)) this.#heard.add(folder);
  }

  async lookEverywhere(): Promise<void> {
    await this.state.take(this.#snapshotter);
    this.#heard = new Set();
    await this.state.assertNewestIsNow();
  }

  /** A snapshot within all that was heard of but for the last few, of which the news comes late. */
  async take({ late: count, failsAt }: { readonly late: number; readonly failsAt: string | null }): Promise<void> {
    const late = new Set([...this.#heard].slice(Math.max(0, this.#heard.size - count)));
    const within = [...this.#heard].filter((folder) => !late.has(folder));
    const before = await entriesOf(this.state, this.#snapshotter.newestName);
    const isStored = await this.#try(within, failsAt);
    const after = await entriesOf(this.state, this.#snapshotter.newestName);
    for (const path of before.keys())
      assert.ok(after.has(path) || !statsOf(join(this.state.root, path)), `${path} is there and was dropped`);
    if (isStored) this.#heard = late;
    if (isStored && late.size === 0) await this.state.assertNewestIsNow();
  }

  async #try(within: readonly string[], failsAt: string | null): Promise<boolean> {
    this.state.onStep = (step) => {
      if (step === `snapshot:${failsAt}`) throw new Error('the bucket is away');
    };
    const stored = this.state.take(this.#snapshotter, 'request', within);
    const isStored = await stored.then(
      () => true,
      () => false,
    );
    this.state.onStep = () => {};
    return isStored;
  }
}

test('whatever changes in whatever order, nothing that is there is dropped, and all is stored when all was heard of', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 40 }), async (steps) => {
      const course = await Course.make();
      try {
        for (const [at, step] of steps.entries()) {
          if (step.do === 'look everywhere') await course.lookEverywhere();
          else if (step.do === 'take') await course.take(step);
          else course.change(step, `${at}`);
        }
        await course.take({ late: 0, failsAt: null });
        await course.lookEverywhere();
      } finally {
        course.state.end();
      }
    }),
    { numRuns: 20 },
  );
});

test('what is elsewhere is not looked at, and stays; databases always are', async () => {
  const state = await TestState.make();
  for (const folder of ['in', 'out', 'out/below']) mkdirSync(join(state.root, folder));
  for (const path of ['in/file', 'out/file', 'out/below/file']) writeFileSync(join(state.root, path), 'first');
  const database = new DatabaseSync(join(state.root, 'out', 'x.sqlite'));
  database.exec('CREATE TABLE t(text)');
  const snapshotter = await state.open();
  await state.take(snapshotter);
  for (const path of ['in/file', 'out/below/file']) writeFileSync(join(state.root, path), 'second');
  database.exec("INSERT INTO t VALUES ('more')");
  database.close();
  const before = await entriesOf(state, snapshotter.newestName);
  await state.take(snapshotter, 'change', ['in']);
  const after = await entriesOf(state, snapshotter.newestName);
  const differ = [...after].filter(([path, entry]) => JSON.stringify(entry) !== JSON.stringify(before.get(path)));
  const files = differ.filter(([, { kind }]) => kind !== 'folder').map(([path]) => path);
  assert.deepEqual(files.sort(), ['in/file', 'out/x.sqlite']);
  await state.take(snapshotter);
  await state.assertNewestIsNow();
  state.end();
});
