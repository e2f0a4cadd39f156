import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJsonExactly } from './exact-json.ts';

const lost = [
  { reason: 'a 64-bit identifier', text: '1234567890123456789' },
  { reason: 'one inside of a list in an object', text: '{"a":[{"b":-1001234567890123456789}]}' },
  { reason: 'the first integer that is not kept', text: '9007199254740993' },
  { reason: 'a number that is none at all when it is read', text: '1e400' },
  { reason: 'more decimals than are kept', text: '0.1234567890123456789' },
];

for (const { reason, text } of lost) {
  test(`refused: ${reason}`, () => {
    assert.throws(() => parseJsonExactly(text), {
      code: 'invalid_argument',
      reason: 'number_not_kept',
      mend: /^quote it/,
    });
  });
}

const kept = ['9007199254740991', '-0', '0.1', '1.50', '1e3', '1E-7', '123000', '"1234567890123456789"', '5e-324'];

for (const text of kept) test(`kept: ${text}`, () => assert.deepEqual(parseJsonExactly(text), JSON.parse(text)));

test('whatever JSON itself writes is kept', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.deepEqual(parseJsonExactly(text), JSON.parse(text))));
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      assert.equal(parseJsonExactly(JSON.stringify(number)), JSON.parse(JSON.stringify(number)));
    }),
  );
});
