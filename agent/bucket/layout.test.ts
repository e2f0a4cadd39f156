import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '@opencrane/kit/digest.ts';
import fc from 'fast-check';
import {
  checkPrefix,
  isObjectName,
  objectAt,
  type Place,
  parseKeyId,
  parseManifestId,
  parseObjectName,
  parsePackId,
  placeOf,
} from './layout.ts';

const hex = (digits: number) =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits }).map((all) => all.join(''));

const place: fc.Arbitrary<Place> = fc.oneof(
  hex(64).map((digits) => ({ kind: 'bundle', digest: fromHex(digits) }) as const),
  fc.constant({ kind: 'lease' } as const),
  fc.constant({ kind: 'head' } as const),
  hex(16).map((digits) => ({ kind: 'slot', keyId: parseKeyId(digits) }) as const),
  fc
    .tuple(fc.maxSafeNat(), hex(16))
    .map(([sequence, digits]) => ({ kind: 'manifest', sequence, id: parseManifestId(digits) }) as const),
  hex(32).map((digits) => ({ kind: 'pack', id: parsePackId(digits) }) as const),
);

test('every place has a name, and the name leads back to it', () => {
  fc.assert(fc.property(place, (at) => assert.deepEqual(placeOf(objectAt(at)), at)));
});

test('manifests sort by their sequence numbers', () => {
  const manifest = (sequence: number) => objectAt({ kind: 'manifest', sequence, id: parseManifestId('0'.repeat(16)) });
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (left, right) =>
      assert.equal(manifest(left) < manifest(right), left < right),
    ),
  );
});

const layouts = [
  [{ kind: 'lease' }, 'vault/lease'],
  [{ kind: 'head' }, 'vault/head'],
  [{ kind: 'bundle', digest: fromHex('ab'.repeat(32)) }, `runtime/${'ab'.repeat(32)}.tar.zst`],
  [{ kind: 'slot', keyId: parseKeyId('0123456789abcdef') }, 'vault/keys/0123456789abcdef.json'],
  [
    { kind: 'manifest', sequence: 42, id: parseManifestId('0123456789abcdef') },
    'vault/manifests/0000000000000042-0123456789abcdef',
  ],
  [{ kind: 'pack', id: parsePackId('f'.repeat(32)) }, `vault/packs/${'f'.repeat(32)}`],
] as const;

test('the names are those of docs/bucket-format.md', () => {
  for (const [at, name] of layouts) assert.equal(objectAt(at), name);
});

const strangers = [
  'vault',
  'vault/leases',
  'vault/lease/x',
  'vault/keys/0123456789ABCDEF.json',
  'vault/keys/0123.json',
  'vault/manifests/42-0123456789abcdef',
  'vault/manifests/9999999999999999-0123456789abcdef', // no safe integer: nobody counted so far
  `vault/packs/${'f'.repeat(31)}`,
  `runtime/${'ab'.repeat(32)}.tar`,
  'uploads/vault/head',
];

test('other names are none of ours', () => {
  for (const name of strangers) assert.equal(placeOf(parseObjectName(name)), undefined, name);
});

test('a name has no part that leads out of a folder', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'Z', '.', '/', '-', '_', ' ', '\\', '~', '\0', 'é') }),
      (text) => {
        const parts = text.split('/');
        const good = parts.every((part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '.' && part !== '..');
        assert.equal(isObjectName(text), good);
      },
    ),
  );
});

test('every beginning of a name is a prefix, and every prefix begins a name', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '.', '-', '_'), minLength: 1, maxLength: 5 });
  const name = fc
    .array(part, { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join('/'))
    .filter(isObjectName);
  fc.assert(
    fc.property(name, fc.nat(30), (whole, length) => {
      assert.equal(checkPrefix(whole.slice(0, length)), whole.slice(0, length));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '.', '/', ' ') }), (text) => {
      const begins = ['', 'a', 'a/a'].some((more) => isObjectName(`${text}${more}`));
      if (begins) assert.equal(checkPrefix(text), text);
      else assert.throws(() => checkPrefix(text), { reason: 'object_name_invalid' });
    }),
  );
});

test('ids are hex digits, and a sequence number is a number', () => {
  for (const bad of ['', '0', 'g'.repeat(16), 'A'.repeat(16), '0'.repeat(17)]) {
    assert.throws(() => parseKeyId(bad), { reason: 'id_malformed' });
  }
  for (const sequence of [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1]) {
    const at = { kind: 'manifest', sequence, id: parseManifestId('0'.repeat(16)) } as const;
    assert.throws(() => objectAt(at), { reason: 'sequence_invalid' });
  }
});
