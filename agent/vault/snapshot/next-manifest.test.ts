import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DEPTH, newManifestRef } from '../format/object-ids.ts';
import { seededRandom } from '../testing.ts';
import { nextManifest } from './next-manifest.ts';

const noon = Date.UTC(2026, 9, 1, 12);
const midnight = Date.UTC(2026, 9, 2);

function after(clockMillis: number, { depth = 4, fullBytes = 1_000, deltaBytes = 10 } = {}) {
  const ref = newManifestRef({ sequence: 7, depth, clockMillis }, seededRandom('names'));
  return { ref, fullBytes, deltaBytes };
}

const rows: { reason: string; newest: ReturnType<typeof after>; now: number; depth: number; at?: number }[] = [
  { reason: 'usually a difference goes on top', newest: after(noon), now: noon + 3_000, depth: 5 },
  { reason: 'the longest chain ends', newest: after(noon, { depth: MAX_DEPTH }), now: noon + 3_000, depth: 0 },
  {
    reason: 'differences that outweigh their full manifest are put together',
    newest: after(noon, { deltaBytes: 1_001 }),
    now: noon + 3_000,
    depth: 0,
  },
  { reason: 'a day holds nothing of the day before', newest: after(midnight - 1), now: midnight, depth: 0 },
  { reason: 'the last moment of a day is of that day', newest: after(noon), now: midnight - 1, depth: 5 },
  {
    reason: 'a clock that is slowed down, or snapshots within a millisecond: time goes on',
    newest: after(noon),
    now: noon - 999,
    depth: 5,
    at: noon + 1,
  },
  {
    reason: 'a clock that was put back says so: which of the two was wrong is for readers to judge',
    newest: after(noon),
    now: noon - 1_000,
    depth: 5,
  },
  { reason: 'a clock that was put back by days begins a day', newest: after(midnight), now: noon, depth: 0 },
];

for (const { reason, newest, now, depth, at } of rows) {
  test(reason, () => assert.deepEqual(nextManifest(newest, now), { sequence: 8, depth, clockMillis: at ?? now }));
}
