import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { linesOf } from './lines.ts';

const part = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\n', '\r', '\u2028', '\u2029', '\u0085', 'é', '日'),
);

test('JSON of any text, a line each, comes back as it went, in whatever pieces', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(part).map((parts) => parts.join(''))),
      fc.nat({ max: 7 }),
      async (texts, size) => {
        const bytes = Buffer.from(texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
        const read = await Array.fromAsync(linesOf(pieces(bytes, size + 1)), (line): unknown => JSON.parse(line));
        assert.deepEqual(read, texts);
      },
    ),
  );
});

test('a last line needs no end, and an empty stream has none', async () => {
  assert.deepEqual(await Array.fromAsync(linesOf(pieces(Buffer.from('a\n\nb'), 2))), ['a', '', 'b']);
  assert.deepEqual(await Array.fromAsync(linesOf(pieces(Buffer.alloc(0), 2))), []);
});

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
