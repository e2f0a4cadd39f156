import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { digestOf } from '@opencrane/kit/digest.ts';
import { OfferSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { readOfferedDocument } from './offered-document.ts';

function offer(text: string | Uint8Array, digest: string = digestOf(text)) {
  const document = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  return create(OfferSchema, { digest, payload: { case: 'config', value: { document } } });
}

test('canonical JSON of the digest named is the document', () => {
  assert.deepEqual(readOfferedDocument(offer('{"a":{"b":[1,null]}}')), { a: { b: [1, null] } });
});

const rows = [
  { reason: 'not JSON', offer: offer('{'), refused: 'config_malformed' },
  { reason: 'not an object', offer: offer('[1]'), refused: 'config_malformed' },
  { reason: 'not UTF-8', offer: offer(new Uint8Array([0x7b, 0xff, 0x7d])), refused: 'config_malformed' },
  { reason: 'of another kind', offer: create(OfferSchema, {}), refused: 'config_malformed' },
  { reason: 'cut or changed on the way', offer: offer('{"a":1}', digestOf('{"a":2}')), refused: 'config_digest_wrong' },
  {
    reason: 'with a null, which a merge patch reads as a removal',
    offer: offer('{"a":{"b":null}}'),
    refused: 'config_null',
  },
];

for (const { reason, offer: offered, refused } of rows) {
  test(`refused: ${reason}`, () => {
    assert.throws(() => readOfferedDocument(offered), { code: 'invalid_argument', reason: refused });
  });
}
