import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ObjectName } from '../../bucket/bucket.ts';
import { parseObjectName } from '../../bucket/layout.ts';
import type { Content } from './content.ts';
import { beginWatch, isLoss, type LossWatch, lossInWords, nextWatch } from './loss-watch.ts';

const HOUR = 3_600_000;
const name = (at: number): ObjectName => parseObjectName(`snapshot-${at}`);
const content = (files: number, databases = 2, openclaw = true): Content => ({ files, databases, openclaw });

/** Watches a row of snapshots, an hour apart if nothing else is said. */
function watched(row: readonly Content[], every = HOUR): LossWatch[] {
  const watches: LossWatch[] = [];
  for (const [at, each] of row.entries()) {
    const counted = { name: name(at), takenAtMillis: at * every, content: each };
    const before = watches.at(-1);
    watches.push(before === undefined ? beginWatch(counted) : nextWatch(before, name(at - 1), counted));
  }
  return watches;
}

const rows: readonly { reason: string; had: Content; has: Content; loss: boolean; words?: string }[] = [
  {
    reason: 'everything removed',
    had: content(130),
    has: content(0, 0, false),
    loss: true,
    words: "OpenClaw's database, 2 of 2 databases, 130 of 130 files",
  },
  {
    reason: 'OpenClaw’s database cut to nothing',
    had: content(130),
    has: content(129, 1, false),
    loss: true,
    words: "OpenClaw's database, 1 of 2 databases, 1 of 130 files",
  },
  {
    reason: 'most databases gone',
    had: content(130, 5),
    has: content(126, 2),
    loss: true,
    words: '3 of 5 databases, 4 of 130 files',
  },
  { reason: 'an agent of two removed', had: content(130, 2), has: content(100, 1), loss: false },
  { reason: 'more than half of the files', had: content(100), has: content(49), loss: true, words: '51 of 100 files' },
  { reason: 'half of the files', had: content(100), has: content(50), loss: false },
  { reason: 'most of a few files', had: content(9), has: content(1), loss: false },
  { reason: 'growth', had: content(9, 1, false), has: content(900, 3), loss: false },
];

for (const { reason, had, has, loss, words } of rows) {
  test(`whether most is lost: ${reason}`, () => {
    assert.equal(isLoss(had, has), loss);
    if (words !== undefined) assert.equal(lossInWords({ had, has }), words);
  });
}

test('a clock that was ahead for a while forgets no best, and waits for no day that is far off', () => {
  const at = (number: number, takenAtMillis: number, files: number) => ({
    name: name(number),
    takenAtMillis,
    content: content(files),
  });
  let watch = beginWatch(at(0, 0, 130));
  for (const [number, hours] of [1, 9_600, 2, 3].entries())
    watch = nextWatch(watch, name(number), at(number + 1, hours * HOUR, 100));
  assert.notEqual(
    nextWatch(watch, name(4), at(5, 4 * HOUR, 60)).loss,
    null,
    '60 of 130, the best before the clock was ahead',
  );
  watch = nextWatch(watch, name(4), at(5, 30 * HOUR, 100));
  assert.deepEqual([watch.since, watch.before?.files], [30 * HOUR, 100], 'a day begins a day later');
});

test('what goes in steps of less than half is compared with the best, and the last that was whole is told', () => {
  const watches = watched([content(100), content(101), content(60), content(40)]);
  assert.deepEqual(
    watches.map(({ loss }) => loss !== null),
    [false, false, false, true],
  );
  assert.deepEqual(watches.at(-1)?.loss, { last: name(2), had: content(101), has: content(40) });
  assert.equal(watches.at(-1)?.full, name(1));
});

test('it stays lossy however long it is so, whatever little is added, until enough is there again', () => {
  const little = Array.from({ length: 200 }, (_, at) => content(10 + (at % 5)));
  const watches = watched([content(100), ...little, content(90), content(91)]);
  assert.ok(watches.slice(1, -2).every(({ loss, full }) => loss?.last === name(0) && full === name(0)));
  assert.equal(watches.at(-2)?.loss, null);
  assert.equal(watches.at(-1)?.full, name(202));
});

test('what is removed over many days is no loss', () => {
  const watches = watched(
    Array.from({ length: 400 }, (_, at) => content(1000 - at * 2)),
    HOUR,
  );
  assert.ok(watches.every(({ loss }) => loss === null));
  assert.ok(Number(watches.at(-1)?.full.slice('snapshot-'.length)) > 300, 'and the one that is kept for it moves on');
});

const contents = fc.record({
  files: fc.nat({ max: 200 }),
  databases: fc.nat({ max: 5 }),
  openclaw: fc.boolean(),
});

test('whatever happens within a day: sound means half of every earlier one that was sound, and lossy names a whole one', () => {
  fc.assert(
    fc.property(
      fc.array(contents, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: HOUR / 2 }),
      (row, every) => {
        const watches = watched(row, every);
        for (const [at, { loss, full }] of watches.entries()) {
          const sound = row.slice(0, at).filter((_, earlier) => watches[earlier]?.loss === null);
          const now = row[at];
          assert.ok(now);
          // What each had alone: the best of all of them may have its files of one and its databases of another.
          if (loss === null) assert.ok(sound.every((earlier) => !isLoss(earlier, now)));
          else {
            assert.deepEqual(loss.has, now);
            assert.equal(isLoss(loss.had, now), true);
            const last = Number(loss.last.slice('snapshot-'.length));
            assert.ok(last < at && watches[last]?.loss === null, 'the way back is sound');
            assert.ok(
              watches.slice(last + 1, at + 1).every((one) => one.loss !== null),
              'and nothing sound came after it',
            );
          }
          const named = watches[Number(full.slice('snapshot-'.length))];
          assert.equal(named?.loss, null);
        }
      },
    ),
  );
});
