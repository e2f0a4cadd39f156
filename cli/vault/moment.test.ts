import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { formatMoment, momentOf } from './moment.ts';

const before = process.env['TZ'];
after(() => {
  if (before === undefined) delete process.env['TZ'];
  else process.env['TZ'] = before;
});

const amsterdam = 'Europe/Amsterdam';

const moments = [
  { reason: 'a zone counts', text: '2026-09-12T14:00:00Z', is: '2026-09-12T14:00:00.000Z' },
  { reason: 'an offset counts', text: '2026-09-12T14:00+02:00', is: '2026-09-12T12:00:00.000Z' },
  { reason: 'an offset without a colon', text: '2026-09-12T14:00-0530', is: '2026-09-12T19:30:00.000Z' },
  { reason: 'an offset of hours', text: '2026-09-12T14:00+02', is: '2026-09-12T12:00:00.000Z' },
  { reason: 'no zone is local, in summer', text: '2026-09-12T14:00', is: '2026-09-12T12:00:00.000Z' },
  { reason: 'no zone is local, in winter', text: '2026-01-12T14:00', is: '2026-01-12T13:00:00.000Z' },
  {
    reason: 'a blank instead of the T, as people write it',
    text: '2026-09-12 14:00:05',
    is: '2026-09-12T12:00:05.000Z',
  },
  { reason: 'what our own lists print', text: '2026-09-12 14:00:05Z', is: '2026-09-12T14:00:05.000Z' },
  { reason: 'fractions', text: '2026-09-12T14:00:05.25Z', is: '2026-09-12T14:00:05.250Z' },
  { reason: 'a day alone is its beginning here, not in London', text: '2026-09-12', is: '2026-09-11T22:00:00.000Z' },
  { reason: 'small letters', text: '2026-09-12t14:00z', is: '2026-09-12T14:00:00.000Z' },
  { reason: 'a leap day', text: '2028-02-29T00:00Z', is: '2028-02-29T00:00:00.000Z' },
  { reason: 'no leap day', text: '2027-02-29T00:00Z', is: undefined },
  { reason: 'no such month', text: '2026-13-01', is: undefined },
  { reason: 'no such hour', text: '2026-09-12T24:30', is: undefined },
  { reason: 'an hour that the change of clocks skipped here', text: '2026-03-29T02:30', is: undefined },
  { reason: 'no such zone', text: '2026-09-12T14:00+25:00', is: undefined },
  { reason: 'before there were snapshots', text: '1969-12-31T23:59Z', is: undefined },
  { reason: 'a year alone', text: '2026', is: undefined },
  { reason: 'words', text: '10 minutes ago', is: undefined },
  { reason: 'something behind it', text: '2026-09-12T14:00 or so', is: undefined },
  { reason: 'nothing', text: '', is: undefined },
];

for (const { reason, text, is } of moments) {
  test(`${reason}: "${text}"`, () => {
    process.env['TZ'] = amsterdam;
    const moment = momentOf(text);
    assert.equal(moment === undefined ? undefined : new Date(moment).toISOString(), is);
  });
}

test('what is shown says its zone, and reads back as the same second, wherever one is', () => {
  const zones = fc.constantFrom(
    'UTC',
    amsterdam,
    'America/St_Johns',
    'Asia/Kathmandu',
    'Pacific/Apia',
    'Australia/Lord_Howe',
  );
  fc.assert(
    fc.property(zones, fc.nat(4_102_444_800), (zone, seconds) => {
      process.env['TZ'] = zone;
      const shown = formatMoment(1000 * seconds);
      assert.match(shown, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
      assert.equal(momentOf(shown), 1000 * seconds);
    }),
  );
});

test('a local time is shown with the zone it was taken in', () => {
  process.env['TZ'] = amsterdam;
  assert.equal(formatMoment(momentOf('2026-09-12T14:00') ?? 0), '2026-09-12T14:00:00+02:00');
});

test('whatever is typed, it is a moment since 1970 or none', () => {
  const digits = fc.stringMatching(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?(Z|[+-]\d{2}:\d{2})?$/);
  fc.assert(
    fc.property(fc.oneof(fc.string(), digits), (text) => {
      const moment = momentOf(text);
      assert.ok(moment === undefined || (Number.isSafeInteger(moment) && moment >= 0));
    }),
  );
});
