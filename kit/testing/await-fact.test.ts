import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awaitFact, NeverError } from './await-fact.ts';

const quick = { withinMillis: 50, everyMillis: 0 };

test('what a look finds is returned, after as many looks as it takes, whatever it threw before', async () => {
  let looks = 0;
  const found = await awaitFact('the third look', () => {
    looks += 1;
    if (looks === 1) throw new Error('not yet');
    return looks === 3 && 'found';
  });
  assert.deepEqual([found, looks], ['found', 3]);
});

test('a fact that does not come in time is named, with what was thrown last', async () => {
  const look = () => {
    throw new Error('nobody listens');
  };
  await assert.rejects(awaitFact('somebody listens', look, quick), (error: Error) => {
    assert.equal(error.message, 'not within 50 ms: somebody listens');
    assert.match(String(error.cause), /nobody listens/);
    return true;
  });
});

const mistakes = [
  { reason: 'the look knows that it never comes', thrown: new NeverError('it ended') },
  { reason: 'the test names something that is not there', thrown: new ReferenceError('x is not defined') },
  { reason: 'the test reads a property of nothing', thrown: new TypeError('Cannot read properties of undefined') },
];

for (const { reason, thrown } of mistakes) {
  test(`no second look when ${reason}`, async () => {
    let looks = 0;
    const look = () => {
      looks += 1;
      throw thrown;
    };
    await assert.rejects(awaitFact('anything', look, quick), thrown);
    assert.equal(looks, 1);
  });
}

test('a refused fetch is no mistake', async () => {
  const look = () => {
    throw new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') });
  };
  await assert.rejects(awaitFact('an answer', look, quick), /not within 50 ms: an answer/);
});
