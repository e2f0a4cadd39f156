import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { heartbeatIntervalMillis, silenceMillis } from './heartbeats.ts';

test('however many agents there are, their heartbeats stay in the budget, and silence is longer than two of them', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), (agents) => {
      const interval = heartbeatIntervalMillis(agents);
      assert.ok((agents * 1000) / interval <= 500);
      assert.ok(interval >= 15_000, 'few agents do not hurry');
      assert.ok(interval <= heartbeatIntervalMillis(agents + 1), 'it only stretches');
      assert.ok(silenceMillis(interval) > 2 * interval);
    }),
  );
});
