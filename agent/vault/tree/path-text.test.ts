import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pathForSystem, textOfBytes } from './path-text.ts';

const bytesOf = (path: string | Buffer) => (typeof path === 'string' ? Buffer.from(path) : path);

test('any bytes come back, and so does JSON of their text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = textOfBytes(bytes);
      assert.deepEqual(bytesOf(pathForSystem(text)), Buffer.from(bytes));
      assert.equal(JSON.parse(Buffer.from(JSON.stringify(text)).toString()), text);
    }),
    { numRuns: 2000 },
  );
});

test('two names never have one text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => {
      fc.pre(!Buffer.from(a).equals(Buffer.from(b)));
      assert.notEqual(textOfBytes(a), textOfBytes(b));
    }),
    { numRuns: 2000 },
  );
});

const names = [
  { reason: 'UTF-8 is itself', bytes: Buffer.from('Grüße 🦀 e\u0301'), text: 'Grüße 🦀 e\u0301' },
  { reason: 'a byte order mark is part of a name', bytes: Buffer.from('\ufeffa'), text: '\ufeffa' },
  { reason: 'a byte of Latin-1 is escaped', bytes: Buffer.from([0x47, 0xfc]), text: 'G\udcfc' },
  { reason: 'a surrogate in UTF-8 is no UTF-8', bytes: Buffer.from([0xed, 0xb3, 0xbc]), text: '\udced\udcb3\udcbc' },
];
for (const { reason, bytes, text } of names) test(reason, () => assert.equal(textOfBytes(bytes), text));
