import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from './slots.ts';

test('no more work at a time than there are places, in the order of arrival', async () => {
  const slots = new Slots(2);
  const { signal } = new AbortController();
  const order: number[] = [];
  let inside = 0;
  const work = (index: number) =>
    slots.hold(signal, async () => {
      inside += 1;
      assert.ok(inside <= 2);
      order.push(index);
      await new Promise(setImmediate);
      inside -= 1;
    });
  await Promise.all([0, 1, 2, 3, 4, 5].map(work));
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
});

test('who gives up in the line leaves it, and who fails frees the place', async () => {
  const slots = new Slots(1);
  const held = Promise.withResolvers<void>();
  const first = slots.hold(new AbortController().signal, () => held.promise);
  const impatient = new AbortController();
  const second = slots.hold(impatient.signal, async () => assert.fail('it has left'));
  impatient.abort('gone');
  await assert.rejects(second, { name: 'AbortError' });
  held.reject(new Error('broken'));
  await assert.rejects(first, /broken/);
  assert.equal(await slots.hold(new AbortController().signal, async () => 'in'), 'in');
});
