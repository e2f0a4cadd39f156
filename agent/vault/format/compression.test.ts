import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { Compressor, Decompressor, NotPacked } from './compression.ts';

const copy = (bytes: Uint8Array) => Buffer.from(bytes);

test('frames come back, whatever they are and however many are under way', async () => {
  const [compressor, decompressor] = [new Compressor(), new Decompressor()];
  const text = fc.string({ maxLength: 400 }).map((piece) => Buffer.from(piece.repeat(50)));
  const noise = fc.uint8Array({ minLength: 1, maxLength: 5000 }).map((bytes) => Buffer.from(bytes));
  const frame = fc.oneof(text, noise).filter((bytes) => bytes.length > 0);
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), async (frames) => {
      const packed = await Promise.all(frames.map((plain) => compressor.compress(plain, copy)));
      const plain = await Promise.all(
        packed.map((one, at) => decompressor.decompress(one, frames[at]?.length ?? 0, copy)),
      );
      assert.deepEqual(plain, frames);
    }),
    { numRuns: 60 },
  );
  compressor.close();
  decompressor.close();
});

test('large frames come back, also where one buffer of output ends and the next begins', async () => {
  const [compressor, decompressor] = [new Compressor(), new Decompressor()];
  for (let count = 0; count < 12; count += 1) {
    // Half noise, half zeros: about 256 KiB packed, so that buffers end in the middle of frames.
    const plain = Buffer.concat([randomBytes(256 * 1024 - count), Buffer.alloc(256 * 1024 + count)]);
    const packed = await compressor.compress(plain, copy);
    assert.ok(packed.length < plain.length);
    assert.deepEqual(await decompressor.decompress(packed, plain.length, copy), plain);
  }
  compressor.close();
  decompressor.close();
});

test('what does not shrink is kept as it is, and what does is plain zstd', async () => {
  const compressor = new Compressor();
  const noise = randomBytes(1000);
  assert.deepEqual(await compressor.compress(noise, copy), noise);
  const text = Buffer.from('again and '.repeat(100));
  assert.deepEqual(zstdDecompressSync(await compressor.compress(text, copy)), text);
  compressor.close();
});

test('what is no frame, and a frame of another length, are refused; others are unpacked as before', async () => {
  const [compressor, decompressor] = [new Compressor(), new Decompressor()];
  const text = Buffer.from('again and '.repeat(100));
  const packed = await compressor.compress(text, copy);
  await assert.rejects(decompressor.decompress(Buffer.from('no frame'), 1000, copy), NotPacked);
  await assert.rejects(decompressor.decompress(packed, 999, copy), NotPacked);
  await assert.rejects(decompressor.decompress(packed.subarray(0, packed.length - 3), 1000, copy), NotPacked);
  assert.deepEqual(await decompressor.decompress(packed, text.length, copy), text);
  compressor.close();
  decompressor.close();
});
