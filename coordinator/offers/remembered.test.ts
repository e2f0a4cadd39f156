import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Remembered } from './remembered.ts';

test('an answer is worked out once, also for those who ask meanwhile', async () => {
  const remembered = new Remembered<number>(10);
  let times = 0;
  const workOut = async () => {
    times += 1;
    return times;
  };
  assert.deepEqual(await Promise.all([remembered.get('a', workOut), remembered.get('a', workOut)]), [1, 1]);
  assert.equal(await remembered.get('a', workOut), 1);
  remembered.forget('a');
  assert.equal(await remembered.get('a', workOut), 2);
  remembered.forgetAll();
  assert.equal(await remembered.get('a', workOut), 3);
});

test('one that is forgotten while it is worked out is not remembered, nor does its failure harm the next', async () => {
  const remembered = new Remembered<string>(10);
  const slow = Promise.withResolvers<string>();
  const old = remembered.get('a', () => slow.promise);
  remembered.forget('a');
  assert.equal(await remembered.get('a', async () => 'new'), 'new');
  slow.reject(new Error('on purpose'));
  await assert.rejects(old, /on purpose/);
  assert.equal(await remembered.get('a', async () => 'newest'), 'new');
});

test('past the limit the oldest goes', async () => {
  const remembered = new Remembered<number>(2);
  for (const [index, key] of ['a', 'b', 'c'].entries()) await remembered.get(key, async () => index);
  assert.equal(await remembered.get('c', async () => 9), 2);
  assert.equal(await remembered.get('b', async () => 9), 1);
  assert.equal(await remembered.get('a', async () => 9), 9);
});
