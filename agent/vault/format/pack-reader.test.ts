import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePackId } from '../../bucket/layout.ts';
import { newVaultKeys } from '../keys/vault-keys.ts';
import { MemoryBucket, seededRandom } from '../testing.ts';
import { Compressor } from './compression.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { planFetches, readFrames } from './pack-reader.ts';
import { frameStarts, type Pack } from './pack-table.ts';
import { PackWriter } from './pack-writer.ts';

const id = parsePackId('0'.repeat(32));
const signal = new AbortController().signal;

test('requests get every frame that is wanted, in order, and none reads far more than it needs', () => {
  const lengths = fc.array(fc.integer({ min: 17, max: 600_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(lengths, fc.infiniteStream(fc.boolean()), (sealed, isWanted) => {
      const frames = [...sealed.keys()].filter(() => isWanted.next().value);
      const pack: Pack = { id, bytes: 0, sealed: Uint32Array.from(sealed), plain: new Uint32Array(sealed.length) };
      const starts = frameStarts(pack);
      const fetches = planFetches({ pack, frames });
      assert.deepEqual(
        fetches.flatMap((fetch) => fetch.frames),
        frames,
      );
      for (const { frames: got, start, end } of fetches) {
        for (const frame of got) assert.ok((starts[frame] ?? 0) >= start && (starts[frame + 1] ?? 0) <= end);
        const useful = got.reduce((sum, frame) => sum + (sealed[frame] ?? 0), 0);
        assert.ok(end - start <= useful + (got.length + 1) * 128 * 1024, 'gaps are small');
        assert.ok(got.length === 1 || end - start <= 2 * 1024 * 1024, 'requests are bounded');
      }
    }),
  );
});

async function written(contents: readonly Buffer[]) {
  const vault = {
    bucket: new MemoryBucket(),
    keys: newVaultKeys(seededRandom('keys')),
    random: seededRandom('random'),
  };
  const compressor = new Compressor();
  const writer = new PackWriter(id, { vault, compressor, buffer: new GrowingBuffer(), signal });
  for (const content of contents) await writer.add(content);
  const pack = await writer.finish();
  compressor.close();
  const name = `vault/packs/${id}`;
  return { vault, pack, name, object: vault.bucket.objects.get(name)?.bytes ?? Buffer.alloc(0) };
}

const contents = ['text '.repeat(2000), 'x', 'more text '.repeat(30_000)].map((text) => Buffer.from(text));

test('frames that were written are read, each once, and only those that are wanted', async () => {
  const noise = seededRandom('noise');
  const large = [...contents, ...Array.from({ length: 9 }, () => noise(400_000)), Buffer.from('end')];
  const { vault, pack } = await written(large);
  for (const frames of [[...large.keys()], [1], [8], [0, 7, 12]]) {
    const taken = new Map<number, Buffer>();
    await readFrames(vault, [{ pack, frames }], (_pack, frame, plain) => {
      assert.ok(!taken.has(frame), 'once');
      taken.set(frame, Buffer.from(plain));
    });
    assert.deepEqual(
      [...taken.keys()].sort((a, b) => a - b),
      frames,
    );
    for (const [frame, plain] of taken) assert.ok(plain.equals(large[frame] ?? Buffer.alloc(0)));
  }
});

test('every byte of a pack counts, and so does its end', async () => {
  const { vault, pack, name, object } = await written(contents.slice(0, 2));
  const readAll = () => readFrames(vault, [{ pack, frames: [0, 1] }], () => {});
  for (let at = 0; at < object.length; at += 1) {
    const flipped = Buffer.from(object);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    for (const bytes of [flipped, object.subarray(0, at)]) {
      vault.bucket.put(name, bytes);
      await assert.rejects(readAll(), { field: name }, `byte ${at}`);
    }
  }
  vault.bucket.objects.delete(name);
  await assert.rejects(readAll(), { reason: 'object_missing', field: name });
});

test('a failure to take a frame is told as it is', async () => {
  const { vault, pack } = await written(contents);
  const full = new Error('the disk is full');
  const take = () => {
    throw full;
  };
  await assert.rejects(readFrames(vault, [{ pack, frames: [0, 1, 2] }], take), full);
});
