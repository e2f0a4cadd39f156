import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { objectAt, parsePackId } from '../../bucket/layout.ts';
import { newVaultKeys, withNewDataKey } from '../keys/vault-keys.ts';
import { seededRandom } from '../testing.ts';
import { HEADER_BYTES, ObjectOpener, ObjectSealer } from './sealed-object.ts';

const keys = newVaultKeys(seededRandom('keys'));
const name = objectAt({ kind: 'pack', id: parsePackId('a'.repeat(32)) });
const otherName = objectAt({ kind: 'pack', id: parsePackId('b'.repeat(32)) });
const frames = [Buffer.from('first frame'), Buffer.from('second')];

function sealed(of = keys) {
  const sealer = new ObjectSealer(of, 'pack', name, seededRandom('salt'));
  return { header: sealer.header, frames: frames.map((frame, at) => Buffer.concat(sealer.seal(at, frame))) };
}

test('what was sealed is opened, each frame by itself', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 }), (contents) => {
      const sealer = new ObjectSealer(keys, 'pack', name, seededRandom('salt'));
      const pieces = contents.map((content, at) => Buffer.concat(sealer.seal(at, content)));
      const opener = new ObjectOpener(keys, 'pack', name, sealer.header);
      for (const at of contents.keys()) {
        const last = contents.length - 1 - at; // in another order than they were sealed
        assert.deepEqual(new Uint8Array(opener.open(last, pieces[last] ?? Buffer.alloc(0))), contents[last]);
      }
    }),
  );
});

test('every bit of header and frame counts', () => {
  const { header, frames: pieces } = sealed();
  const [frame] = pieces;
  assert.ok(frame);
  for (let bit = 0; bit < (HEADER_BYTES + frame.length) * 8; bit += 1) {
    const object = Buffer.concat([header, frame]);
    object[bit >> 3] = (object[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(
      () => new ObjectOpener(keys, 'pack', name, object).open(0, object.subarray(HEADER_BYTES)),
      { field: name },
      `bit ${bit}`,
    );
  }
});

const cases: { reason: string; open: () => unknown; error: { reason: string } }[] = [
  {
    reason: 'a frame in the place of another is damage',
    open: () => new ObjectOpener(keys, 'pack', name, sealed().header).open(0, sealed().frames[1] ?? Buffer.alloc(0)),
    error: { reason: 'object_damaged' },
  },
  {
    reason: 'an object under the name of another is damage',
    open: () =>
      new ObjectOpener(keys, 'pack', otherName, sealed().header).open(0, sealed().frames[0] ?? Buffer.alloc(0)),
    error: { reason: 'object_damaged' },
  },
  {
    reason: 'an object of another kind is damage',
    open: () => new ObjectOpener(keys, 'manifest', name, sealed().header),
    error: { reason: 'object_damaged' },
  },
  {
    reason: 'an object of another vault is named as such',
    open: () => new ObjectOpener(newVaultKeys(seededRandom('other')), 'pack', name, sealed().header),
    error: { reason: 'object_of_another_vault' },
  },
  {
    reason: 'a data key that our slot lacks comes of a rotation',
    open: () => new ObjectOpener(keys, 'pack', name, sealed(withNewDataKey(keys, seededRandom('new'))).header),
    error: { reason: 'data_key_unknown' },
  },
  {
    reason: 'a newer format is told from damage',
    open: () => new ObjectOpener(keys, 'pack', name, Buffer.concat([Buffer.from('OCV2'), Buffer.alloc(60)])),
    error: { reason: 'vault_newer_format' },
  },
  {
    reason: 'a header that is cut short',
    open: () => new ObjectOpener(keys, 'pack', name, sealed().header.subarray(0, 38)),
    error: { reason: 'object_short' },
  },
  {
    reason: 'an empty object',
    open: () => new ObjectOpener(keys, 'pack', name, Buffer.alloc(0)),
    error: { reason: 'object_short' },
  },
  {
    reason: 'a frame that is shorter than its tag',
    open: () => new ObjectOpener(keys, 'pack', name, sealed().header).open(0, Buffer.alloc(15)),
    error: { reason: 'object_short' },
  },
];
for (const { reason, open, error } of cases) test(reason, () => void assert.throws(open, { ...error }));

test('an older data key still opens what was sealed with it', () => {
  const opener = new ObjectOpener(withNewDataKey(keys, seededRandom('new')), 'pack', name, sealed().header);
  assert.deepEqual(opener.open(0, sealed().frames[0] ?? Buffer.alloc(0)), frames[0]);
});
