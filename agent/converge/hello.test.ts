import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@opencrane/kit/digest.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { helloOf } from './hello.ts';

const [good, broken, document] = [digestOf('good'), digestOf('broken'), digestOf('document')];
const runtime = {
  revision: 3n,
  digest: good,
  version: '2026.9.6',
  bundleDigest: digestOf('bundle'),
  bundleBytes: 7,
  pin: { by: '', at: '', reason: '' },
};

const cases = [
  {
    reason: 'a refusal by the version that serves is told, or it would be offered for ever',
    under: good,
    told: document,
  },
  {
    reason: 'a refusal by another version is not told: the coordinator would not offer it again',
    under: broken,
    told: '',
  },
  { reason: 'a refusal from before versions were noted stands', under: undefined, told: document },
] as const;

for (const { reason, under, told } of cases) {
  test(reason, () => {
    const config = { digest: document, nonce: 'n', ...(under && { under }) };
    const { kinds } = helloOf('jente', 'i', '1', { runtime, refused: { config }, unproven: {}, drained: false });
    assert.equal(kinds?.find(({ kind }) => kind === Kind.CONFIG)?.failedDigest, told);
  });
}
