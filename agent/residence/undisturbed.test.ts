import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProcessSeen } from '../health/openclaw-standing.ts';
import { isUndisturbed, type OpenClawSeen } from './undisturbed.ts';

const process = (state: ProcessSeen['state'], pid = 7): ProcessSeen => ({
  state,
  pid,
  sinceAt: 0,
  failures: 0,
  nextTryAt: 0,
});
const serving: OpenClawSeen = { process: process('running'), startedPid: 7 };

const rows: { reason: string; seen: Partial<OpenClawSeen>; may: boolean }[] = [
  { reason: 'one that serves is not disturbed', seen: {}, may: true },
  { reason: 'one that has not started yet migrates', seen: { startedPid: 0 }, may: false },
  { reason: 'one that was started anew is another process', seen: { startedPid: 6 }, may: false },
  {
    reason: 'one that finishes its turns still writes what must not be lost',
    seen: { process: process('stopping') },
    may: true,
  },
  { reason: 'one that crashed may be back in a moment', seen: { process: process('restarting', 0) }, may: false },
  { reason: 'where none runs nobody is disturbed', seen: { process: process('idle', 0) }, may: true },
  { reason: 'a launcher that does not answer may be starting one', seen: { process: undefined }, may: false },
];

for (const { reason, seen, may } of rows) test(reason, () => assert.equal(isUndisturbed({ ...serving, ...seen }), may));
