import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePackId } from '../../bucket/layout.ts';
import { parseRow, type TreeRow } from '../format/manifest-body.ts';
import { checkTree, RowApplier } from './apply-rows.ts';
import { type Description, describeDelta, describeFull } from './describe-tree.ts';
import { type Entry, isFile } from './entries.ts';
import { Extents } from './extents.ts';
import { applyChange, emptyTree, type TreeChange, type TreeIndex, withoutUnused } from './tree-index.ts';

/** A tree as plain values: of a chunk counts where it lies and its name. */
function plain({ entries, chunks, packs }: TreeIndex) {
  const name = Buffer.alloc(16);
  const chunkAt = (chunk: number) => {
    chunks.writeName(chunk, name, 0);
    return [packs.get(chunks.pack(chunk)).id, chunks.frame(chunk), chunks.offset(chunk), name.toString('hex')].join();
  };
  const value = (entry: Entry) =>
    isFile(entry) ? { ...entry, extents: entry.extents?.flat(), chunks: Array.from(entry.chunks, chunkAt) } : entry;
  return [...entries].map(([path, entry]) => [path, value(entry)] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** As it is read from a bucket. */
function throughJson({ rows, packs }: Description, onto: TreeIndex): TreeRow[] {
  const taken = [...rows].map((row) => parseRow(JSON.stringify(row)));
  const applier = new RowApplier(onto, packs());
  for (const row of taken) applier.apply(row);
  return taken;
}

const FRAME_CHUNKS = 4;

/** Adds a pack, and as many chunks as fit into it, in a tree's tables. */
function addPack({ chunks, packs }: TreeIndex, seed: string): number[] {
  const id = parsePackId(createHash('sha256').update(seed).digest('hex').slice(0, 32));
  const frames = 3;
  const lengths = new Uint32Array(frames).fill(FRAME_CHUNKS * 4096);
  const pack = packs.add({ id, bytes: 1000, sealed: lengths, plain: lengths });
  return Array.from({ length: frames * FRAME_CHUNKS }, (_, at) => {
    const name = createHash('sha256').update(`${seed} ${at}`).digest();
    return chunks.add(name, 0, { pack, frame: Math.floor(at / FRAME_CHUNKS), offset: (at % FRAME_CHUNKS) * 4096 });
  });
}

const time = { seconds: 5, nanoseconds: 6 };
const folder: Entry = { kind: 'folder', mode: 0o700, time };
const pathOf = (number: number) => (number < 4 ? `f${number}` : `d/f${number}`);

const edit = fc.record({
  path: fc.nat(7).map(pathOf),
  what: fc.constantFrom('remove' as const, 'file' as const, 'sparse' as const, 'database' as const, 'link' as const),
  holes: fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }),
  chunks: fc.array(fc.nat(1000), { maxLength: 12 }),
  keeps: fc.boolean(),
});

type EditOf = typeof edit extends fc.Arbitrary<infer E> ? E : never;

/** What an edit makes of the entry before. `keeps`: most of its chunks stay. */
function edited(
  before: Entry | undefined,
  { what, chunks: picks, keeps, holes }: EditOf,
  all: readonly number[],
): Entry {
  if (what === 'link' || what === 'remove') return { kind: 'link', time, target: `to ${picks.length}` };
  const fresh = picks.map((pick) => all[pick % all.length] ?? 0);
  const kept = keeps && isFile(before) ? [...before.chunks] : [];
  const chunks = Uint32Array.from(
    kept.length > 0 ? kept.map((chunk, at) => (at % 3 === 0 ? (fresh[at] ?? chunk) : chunk)) : fresh,
  );
  const file = { mode: 0o640, time, size: chunks.length * 4096, chunkBytes: 4096, chunks };
  if (what !== 'sparse') return { kind: what, ...file };
  const extents = spread(chunks.length, holes);
  return { kind: 'file', ...file, size: (extents.end + (holes[0] ?? 0)) * 4096, extents };
}

/** Two chunks, a hole, two chunks, and so on. */
function spread(chunks: number, holes: readonly number[]): Extents {
  const flat: number[] = [];
  let place = 0;
  for (let chunk = 0; chunk < chunks; chunk += 2) {
    place += (holes[chunk % holes.length] ?? 0) + (chunk === 0 ? 0 : 1);
    const count = Math.min(2, chunks - chunk);
    flat.push(place, count);
    place += count;
  }
  return Extents.of(flat);
}

/** What some edits, one after the other, come to; the first change makes the folders. */
function changeOf(
  edits: readonly EditOf[],
  writer: ReturnType<typeof emptyTree>,
  all: readonly number[],
  isFirst: boolean,
) {
  const folders: [string, Entry][] = ['', 'd'].map((path) => [path, folder]);
  const set = new Map<string, Entry>(isFirst ? folders : []);
  const removed = new Set<string>();
  for (const one of edits) {
    removed.delete(one.path);
    set.delete(one.path);
    if (one.what === 'remove') removed.add(one.path);
    else set.set(one.path, edited(writer.entries.get(one.path), one, all));
  }
  return { set, removed };
}

test('a chain of manifests leads to the very trees that were described, through full ones and deltas', () => {
  const step = fc.record({ edits: fc.array(edit, { maxLength: 5 }), isFull: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      let writer = emptyTree();
      let reader = emptyTree();
      for (const [number, { edits, isFull }] of steps.entries()) {
        const newPacks = writer.packs.count;
        const all = addPack(writer, `pack ${number}`);
        const { set, removed } = changeOf(edits, writer, all, number === 0);
        const change: TreeChange = { set, removed };
        const full = number === 0 || isFull;
        if (full) reader = emptyTree();
        throughJson((full ? describeFull : describeDelta)(writer, change, newPacks), reader);
        applyChange(writer, change);
        if (full) writer = withoutUnused(writer);
        checkTree(reader);
        assert.deepEqual(plain(reader), plain(writer));
      }
    }),
    { numRuns: 150 },
  );
});

test('a delta of one page tells of one page', () => {
  const tree = emptyTree();
  const all = addPack(tree, 'a');
  tree.entries.set('', folder);
  const database: Entry = {
    kind: 'database',
    mode: 0o600,
    time,
    size: 12 * 4096,
    chunkBytes: 4096,
    chunks: Uint32Array.from(all),
  };
  tree.entries.set('db', database);
  const newPacks = tree.packs.count;
  const [page = 0] = addPack(tree, 'b');
  const chunks = database.chunks.slice();
  chunks[7] = page;
  const change = { set: new Map([['db', { ...database, chunks }]]), removed: new Set<string>() };
  const [row, ...rest] = [...describeDelta(tree, change, newPacks).rows];
  assert.deepEqual(rest, []);
  assert.deepEqual(row?.[0] === 's' && row[8], [7, 1, 0, 0, 0]);
});

test('a file of many chunks is told in several rows', () => {
  const tree = emptyTree();
  const all = addPack(tree, 'a');
  tree.entries.set('', folder);
  const chunks = Uint32Array.from({ length: 20_000 }, (_, at) => all[(at * 7) % all.length] ?? 0);
  tree.entries.set('db', { kind: 'database', mode: 0o600, time, size: 20_000 * 4096, chunkBytes: 4096, chunks });
  const reader = emptyTree();
  const rows = throughJson(describeFull(tree, { set: new Map(), removed: new Set() }, 0), reader);
  assert.deepEqual(
    rows.map(([letter]) => letter),
    ['d', 's', '+', '+'],
  );
  checkTree(reader);
  assert.deepEqual(plain(reader), plain(tree));
});

const names = (count: number) => Buffer.alloc(count * 16).toString('base64');
const file = (...runs: number[]): TreeRow => ['f', 'a', 0o600, 0, 0, 4096, 4096, 0, runs, names(runs.length / 5)];
const root: TreeRow = ['d', '', 0o700, 0, 0];
const impossible: { reason: string; rows: TreeRow[] }[] = [
  { reason: 'a file that is in no folder', rows: [root, ['l', 'b/a', 0, 0, 't']] },
  { reason: 'a file below a link', rows: [root, ['l', 'b', 0, 0, '/etc'], ['l', 'b/a', 0, 0, 't']] },
  { reason: 'a path that leads up', rows: [root, ['l', '..', 0, 0, 't']] },
  { reason: 'a path to itself', rows: [root, ['l', '.', 0, 0, 't']] },
  { reason: 'a path from the root', rows: [root, ['l', '/etc', 0, 0, 't']] },
  { reason: 'a path with an end in it', rows: [root, ['l', 'a\0b', 0, 0, 't']] },
  { reason: 'no root', rows: [['l', 'a', 0, 0, 't']] },
  { reason: 'a file with a chunk that lies nowhere', rows: [root, file()] },
  { reason: 'a chunk past the end of its frame', rows: [root, file(0, 1, 0, 0, 4096 * FRAME_CHUNKS)] },
  { reason: 'a chunk in no frame', rows: [root, file(0, 1, 0, 9, 0)] },
  { reason: 'a chunk in no pack', rows: [root, file(0, 1, 1, 0, 0)] },
  { reason: 'a chunk past the end of its file', rows: [root, file(1, 1, 0, 0, 0)] },
  { reason: 'a patch of a file that is not there', rows: [root, ['f', 'a', 0o600, 0, 0, 0, 4096, 1, [], '']] },
  {
    reason: 'content past the end',
    rows: [root, ['x', 'a', 0o600, 0, 0, 4096, 4096, 0, [1, 1, 0, 0, 0], names(1), [1, 1]]],
  },
  {
    reason: 'a run in a hole',
    rows: [root, ['x', 'a', 0o600, 0, 0, 9 * 4096, 4096, 0, [2, 1, 0, 0, 0], names(1), [1, 1]]],
  },
  {
    reason: 'a run into a hole',
    rows: [root, ['x', 'a', 0o600, 0, 0, 9 * 4096, 4096, 0, [1, 2, 0, 0, 0], names(2), [1, 1, 4, 1]]],
  },
  { reason: 'content that lies nowhere', rows: [root, ['x', 'a', 0o600, 0, 0, 9 * 4096, 4096, 0, [], '', [1, 1]]] },
  { reason: 'a name of nothing', rows: [root, ['h', 'b', 'a']] },
  { reason: 'a name of a folder', rows: [root, ['d', 'a', 0o700, 0, 0], ['h', 'b', 'a']] },
  { reason: 'a name of a name', rows: [root, ['l', 'a', 0, 0, 't'], ['h', 'b', 'a'], ['h', 'c', 'b']] },
  { reason: 'a name that comes before the first', rows: [root, ['l', 'b', 0, 0, 't'], ['h', 'a', 'b']] },
  {
    reason: 'a name of what was something else',
    rows: [root, ['l', 'a', 0, 0, 't'], ['h', 'b', 'a'], ['l', 'a', 0, 0, 'u']],
  },
  { reason: 'more of no file', rows: [root, ['+', [], '']] },
];
for (const { reason, rows } of impossible) {
  test(`no tree: ${reason}`, () => {
    const tree = emptyTree();
    const length = 4096 * FRAME_CHUNKS;
    const applyAll = () => {
      const applier = new RowApplier(tree, [[parsePackId('0'.repeat(32)), 1, [length], [length]]]);
      for (const row of rows) applier.apply(row);
      checkTree(tree);
    };
    assert.throws(applyAll);
  });
}

test('a delta that names a pack which nobody told of does not fit', () => {
  assert.throws(() => new RowApplier(emptyTree(), [[parsePackId('0'.repeat(32))]]), /no manifest tells/);
});
