import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { heartbeatIntervalMillis, silenceMillis, silentConnectionMillis } from './heartbeats.ts';

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

test('a connection may be silent for longer than its session, its goodbye and its end take', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.nat(60_000), fc.integer({ min: 1_000, max: 30_000 }), (agents, least, ending) => {
      const interval = heartbeatIntervalMillis(agents);
      const silent = silentConnectionMillis(interval, least, ending);
      assert.ok(silent >= least);
      assert.ok(silent > silenceMillis(interval) + ending);
    }),
  );
});
