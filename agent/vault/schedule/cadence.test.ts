import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Cadence, clean, dueAt, onBegun, onChange, onFailed, onStored, unsavedMillis } from './cadence.ts';

const at = (...steps: readonly ((cadence: Cadence) => Cadence)[]) =>
  steps.reduce((cadence, step) => step(cadence), clean);
const change = (now: number) => (cadence: Cadence) => onChange(cadence, now);
const begun = (now: number) => (cadence: Cadence) => onBegun(cadence, now);
const failed = (now: number) => (cadence: Cadence) => onFailed(cadence, now);

const rows: { reason: string; cadence: Cadence; due: number | undefined; unsaved: number }[] = [
  {
    reason: 'nothing changed: nothing is due, and an idle tenant writes nothing',
    cadence: clean,
    due: undefined,
    unsaved: 0,
  },
  { reason: 'a change is taken once it is quiet', cadence: at(change(1_000)), due: 1_500, unsaved: 9_000 },
  {
    reason: 'a change that others follow without end does not wait for quiet',
    cadence: at(change(1_000), change(1_900), change(2_800)),
    due: 3_000,
    unsaved: 9_000,
  },
  {
    reason: 'snapshots keep their distance',
    cadence: at(change(1_000), begun(1_500), onStored, change(1_600)),
    due: 4_000,
    unsaved: 8_400,
  },
  {
    reason: 'what came before a snapshot began is in it',
    cadence: at(change(1_000), begun(1_500), onStored),
    due: undefined,
    unsaved: 0,
  },
  {
    reason: 'what came while it was taken may not be in it, and counts from its beginning',
    cadence: at(change(1_000), begun(1_500), change(1_700), onStored),
    due: 4_000,
    unsaved: 8_500,
  },
  {
    reason: 'a failure loses no time: the first change still counts, and it is tried again after a rest',
    cadence: at(change(1_000), begun(1_500), failed(6_000)),
    due: 6_500,
    unsaved: 9_000,
  },
  {
    reason: 'rests grow, to a bound',
    cadence: at(change(0), ...Array.from({ length: 20 }, () => failed(9_000))),
    due: 16_500,
    unsaved: 10_000,
  },
];

for (const { reason, cadence, due, unsaved } of rows) {
  test(reason, () => assert.deepEqual([dueAt(cadence, 0), unsavedMillis(cadence, 10_000)], [due, unsaved]));
}

const event = fc.constantFrom('change', 'snapshot', 'fail', 'pass');

test('whatever happens, no change is forgotten before a snapshot that began after it is stored', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 50 }), (events) => {
      let cadence = clean;
      let now = 0;
      let oldest: number | undefined;
      for (const what of events) {
        now += 100;
        if (what === 'change') {
          cadence = onChange(cadence, now);
          oldest ??= now;
        } else if (what === 'snapshot') {
          cadence = onStored(onBegun(cadence, now));
          oldest = undefined;
        } else if (what === 'fail') cadence = onFailed(onBegun(cadence, now), now);
        assert.equal(unsavedMillis(cadence, now), oldest === undefined ? 0 : now - oldest);
        assert.equal(dueAt(cadence, 0.5) === undefined, oldest === undefined);
      }
    }),
  );
});
