import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import fc from 'fast-check';
import { formatPath, parsePath } from './path.ts';

const good = [
  { reason: 'plain keys', text: 'agents.defaults.model', keys: ['agents', 'defaults', 'model'] },
  {
    reason: 'a quoted key holds dots',
    text: 'models.providers["my.provider"].baseUrl',
    keys: ['models', 'providers', 'my.provider', 'baseUrl'],
  },
  { reason: 'a path may begin with a quoted key', text: '["a b"].c', keys: ['a b', 'c'] },
  { reason: 'quoted keys follow each other', text: 'a["b"]["c"]', keys: ['a', 'b', 'c'] },
  { reason: 'escapes are those of JSON', text: 'a["\\"\\\\\\n\\u00e9"]', keys: ['a', '"\\\né'] },
  {
    reason: 'keys may hold what OpenClaw writes in ids',
    text: 'channels.whatsapp.+31612345678:x/y@z',
    keys: ['channels', 'whatsapp', '+31612345678:x/y@z'],
  },
];

for (const { reason, text, keys } of good) test(reason, () => assert.deepEqual(parsePath(text), keys));

const bad = [
  { reason: 'nothing', text: '', message: /empty path/ },
  { reason: 'a dot at the beginning', text: '.a', message: /character 1 / },
  { reason: 'a dot at the end', text: 'a.', message: /character 3 / },
  { reason: 'two dots', text: 'a..b', message: /character 3 / },
  { reason: 'a space', text: 'a b', message: /character 2 / },
  { reason: 'an index', text: 'agents.list[0].name', message: /character 12 /, mend: /set it whole/ },
  { reason: 'an open bracket', text: 'a["b', message: /character 2 / },
  { reason: 'no dot after a bracket', text: 'a["b"]c', message: /character 7 / },
  { reason: 'a dot before a bracket', text: 'a.["b"]', message: /character 3 / },
  { reason: 'a bad escape', text: 'a["\\q"]', message: /character \d/ },
  { reason: 'a key that reaches the prototype', text: 'a.__proto__.b', message: /__proto__/ },
  { reason: 'the same in quotes', text: 'a["constructor"]', message: /constructor/ },
];

for (const { reason, text, message, mend } of bad) {
  test(`refused: ${reason}`, () => {
    assert.throws(
      () => parsePath(text, 'set[0].path'),
      (thrown: unknown) => {
        assert.ok(thrown instanceof OpenCraneError);
        assert.equal(thrown.code, 'invalid_argument');
        assert.equal(thrown.field, 'set[0].path');
        assert.match(thrown.message, message);
        assert.match(thrown.mend, mend ?? /./);
        return true;
      },
    );
  });
}

test('whatever the keys, a path that is written is read back', () => {
  const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a.b', '"', '\\', ']', '["x"]', '', ' ', '0'));
  const keys = fc
    .array(key, { minLength: 1, maxLength: 5 })
    .filter((all) => !all.some((one) => ['__proto__', 'constructor', 'prototype'].includes(one)));
  fc.assert(fc.property(keys, (path) => assert.deepEqual(parsePath(formatPath(path)), path)));
});

test('whatever the text, it is read or refused in words', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '.', '[', ']', '"', '\\', ' ') }), (text) => {
      try {
        assert.deepEqual(parsePath(formatPath(parsePath(text))), parsePath(text));
      } catch (thrown) {
        assert.ok(thrown instanceof OpenCraneError, String(thrown));
      }
    }),
    { numRuns: 2_000 },
  );
});
