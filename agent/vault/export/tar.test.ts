import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Header, Pax } from 'tar';
import type { Entry } from '../tree/entries.ts';
import { tarHeader, tarPadding } from './tar.ts';

const BLOCK = 512;

/** What another implementation reads. */
function read(header: Buffer): Header {
  assert.equal(header.length % BLOCK, 0);
  const first = new Header(header, 0);
  assert.ok(first.cksumValid);
  if (first.type !== 'ExtendedHeader') return first;
  const size = first.size ?? 0;
  const pax = Pax.parse(header.toString('utf8', BLOCK, BLOCK + size));
  const second = new Header(header, header.length - BLOCK, pax);
  assert.ok(second.cksumValid);
  if (pax.linkpath !== undefined) second.linkpath = pax.linkpath; // it leaves that to its reader of entries
  assert.equal(header.length, 2 * BLOCK + size + tarPadding(size).length);
  return second;
}

function file(size: number, seconds = 0, nanoseconds = 0): Entry {
  return {
    kind: 'file',
    mode: 0o644,
    time: { seconds, nanoseconds },
    size,
    chunkBytes: 512,
    chunks: new Uint32Array(),
  };
}

const segment = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).filter((text) => !/[/\0\\]/.test(text));
const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
const seconds = fc.oneof(fc.integer({ min: -5_000_000_000, max: 5_000_000_000 }), fc.constantFrom(0, -1, 8 ** 11));
const time = fc.record({ seconds, nanoseconds: fc.oneof(fc.constant(0), fc.nat(999_999_999)) });
const size = fc.oneof(fc.nat(2 ** 20), fc.constantFrom(8 ** 11 - 1, 8 ** 11, 2 ** 43));
const mode = fc.nat(0o7777);

test('another implementation reads what was written', () => {
  fc.assert(
    fc.property(path, path, time, size, mode, (name, target, at, bytes, bits) => {
      const millis = at.seconds * 1e3 + at.nanoseconds / 1e6;
      const common = (header: Header) => Math.abs(Number(header.mtime) - millis) < 1;
      const asFile = read(tarHeader(name, { ...file(bytes), mode: bits, time: at } as Entry)); // a file with another mode and time
      assert.deepEqual([asFile.path, asFile.type, asFile.size, asFile.mode], [name, 'File', bytes, bits]);
      assert.ok(common(asFile), `${asFile.mtime?.toISOString()} for ${at.seconds}.${at.nanoseconds}`);
      const asFolder = read(tarHeader(name, { kind: 'folder', mode: bits, time: at }));
      assert.deepEqual([asFolder.path, asFolder.type, asFolder.size], [`${name}/`, 'Directory', 0]);
      const asLink = read(tarHeader(name, { kind: 'link', time: at, target }));
      assert.deepEqual([asLink.path, asLink.type, asLink.linkpath], [name, 'SymbolicLink', target]);
    }),
  );
});

const lengths: { reason: string; path: string; blocks: number }[] = [
  { reason: 'a name of 100 bytes fits into the header', path: 'a'.repeat(100), blocks: 1 },
  { reason: 'one of 101 does not', path: 'a'.repeat(101), blocks: 3 },
  { reason: 'a pax record whose length has one digit more for its own length', path: 'a'.repeat(990), blocks: 4 },
];

for (const { reason, path: name, blocks } of lengths) {
  test(reason, () => {
    const header = tarHeader(name, file(0));
    assert.equal(header.length, blocks * BLOCK);
    assert.equal(read(header).path, name);
  });
}

test('a name that is no UTF-8 is written as its bytes', () => {
  const header = tarHeader('caf\udce9', file(0));
  assert.equal(header.toString('latin1', 0, 5), 'caf\xe9\0');
});
