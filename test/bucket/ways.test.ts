import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureWays } from './ways.ts';

test('both ways move the same bytes, through a slow network too', async (context) => {
  const figures = await measureWays({ bytes: 3_000_000, ranges: 8, delayMillis: 2 });
  if ('skip' in figures) return context.skip(figures.skip);
  assert.deepEqual([...figures.api.keys()], [...figures.mount.keys()]);
});
