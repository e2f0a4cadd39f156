import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Wakeup } from './wakeup.ts';

test('a ring that was missed is heard at once, and any number of them only once', async () => {
  const bell = new Wakeup();
  const { signal } = new AbortController();
  bell.wake();
  bell.wake();
  await bell.wait(signal);
  let heard = false;
  const waiting = bell.wait(signal).then(() => {
    heard = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(heard, false);
  bell.wake();
  await waiting;
});

test('the signal ends the wait', async () => {
  const stop = new AbortController();
  const waiting = new Wakeup().wait(stop.signal);
  stop.abort();
  await waiting;
  await new Wakeup().wait(stop.signal);
});
