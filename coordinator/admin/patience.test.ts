import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConnectionSeen, mayStay } from './patience.ts';

const patience = { headersMillis: 10, stallMillis: 10, requestMillis: 600, restMillis: 60 };
const fresh = { isOurTurn: false, halfSent: 0, mayRest: false, turnMillis: 0, silentMillis: 0 };

const cases: readonly { reason: string; seen: Partial<ConnectionSeen>; stays: boolean }[] = [
  { reason: 'it has just come', seen: {}, stays: true },
  { reason: 'nothing was asked in time', seen: { turnMillis: 11, silentMillis: 11 }, stays: false },
  { reason: 'headers that trickle in are as late as none', seen: { turnMillis: 11, silentMillis: 1 }, stays: false },
  { reason: 'a body that stands still', seen: { halfSent: 1, turnMillis: 30, silentMillis: 11 }, stays: false },
  { reason: 'a body that comes slowly', seen: { halfSent: 1, turnMillis: 500, silentMillis: 9 }, stays: true },
  { reason: 'a body that comes for ever', seen: { halfSent: 1, turnMillis: 601, silentMillis: 1 }, stays: false },
  {
    reason: 'a watch is silent for hours',
    seen: { isOurTurn: true, turnMillis: 9_999, silentMillis: 9_999 },
    stays: true,
  },
  { reason: 'HTTP/2 between two requests', seen: { mayRest: true, turnMillis: 59, silentMillis: 59 }, stays: true },
  { reason: 'HTTP/2 that asks nothing more', seen: { mayRest: true, turnMillis: 61, silentMillis: 61 }, stays: false },
];
for (const { reason, seen, stays } of cases) {
  test(`${stays ? 'stays' : 'goes'}: ${reason}`, () => assert.equal(mayStay({ ...fresh, ...seen }, patience), stays));
}
