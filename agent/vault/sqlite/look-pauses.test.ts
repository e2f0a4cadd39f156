import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LookPauses } from './look-pauses.ts';

/** The pauses that come of a database written at so many frames a millisecond. */
function pausesAt(framesPerMilli: number, looks = 50): readonly number[] {
  const pauses = new LookPauses();
  const database = { written: 0 };
  let [now, pause] = [0, pauses.next([database], 0)];
  return Array.from({ length: looks }, () => {
    now += pause;
    database.written += framesPerMilli * pause;
    pause = pauses.next([database, { written: 0 }], now);
    return pause;
  });
}

test('as long as nothing is written, four looks a second', () =>
  assert.ok(pausesAt(0).every((pause) => pause === 250)));

test('a burst that goes on stays seen from close by, and so never is a whole generation written between two looks', () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 25, noNaN: true }), (framesPerMilli) => {
      for (const pause of pausesAt(framesPerMilli)) assert.ok(pause * framesPerMilli <= 251, `${pause} ms`);
    }),
  );
});

test('the busiest database decides, and never is it less than 10 ms', () => {
  const pauses = new LookPauses();
  const [calm, busy] = [{ written: 0 }, { written: 0 }];
  pauses.next([calm, busy], 0);
  busy.written = 1_000_000;
  assert.equal(pauses.next([calm, busy], 250), 10);
  const after = [260, 280, 320, 400, 560, 810].map((now) => pauses.next([calm, busy], now));
  assert.deepEqual(after, [20, 40, 80, 160, 250, 250], 'it is not over because nothing came for 10 ms');
});
