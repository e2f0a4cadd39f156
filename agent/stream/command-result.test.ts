import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { decodeRequest } from '@opencrane/kit/grpc/decode-request.ts';
import { CommandResultSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { type VaultResult, VaultResultSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import fc from 'fast-check';
import { done, failed, fit, type ResultInit } from './command-result.ts';

type Result = NonNullable<MessageInitShape<typeof VaultResultSchema>['result']>;

function sent(result: ResultInit) {
  return decodeRequest(CommandResultSchema, toBinary(CommandResultSchema, create(CommandResultSchema, result)));
}

test('a failure is told with code, reason, field and mend', () => {
  const thrown = new OpenCraneError('permission_denied', 'wrong_key', 'the key does not open it', {
    field: 'vault/keys/',
    mend: 'use the other key',
  });
  const { commandId, error, code, reason, field, mend } = sent(failed('c1', thrown));
  assert.deepEqual(
    [commandId, error, code, reason],
    ['c1', 'the key does not open it', 'permission_denied', 'wrong_key'],
  );
  assert.deepEqual([field, mend], ['vault/keys/', 'use the other key']);
});

test('whatever is thrown, the coordinator reads it as a failure', () => {
  const text = fc.string({ unit: 'binary', maxLength: 9_000 });
  const thrown = fc.oneof(
    text,
    text.map((message) => new Error(message)),
    fc
      .tuple(text, text, text, text)
      .map(([message, reason, field, mend]) => new OpenCraneError('data_loss', `r${reason}`, message, { field, mend })),
    fc.constantFrom(undefined, null, 7),
  );
  fc.assert(
    fc.property(thrown, (what) => assert.notEqual(sent(failed('c1', what)).error, '')),
    { numRuns: 30 },
  );
});

const snapshots = fc.array(fc.record({ sequence: fc.bigInt(1n, 1n << 40n), reason: fc.string() }), { maxLength: 40 });
const entries = fc.array(fc.record({ path: fc.string(), change: fc.constant('changed') }), { maxLength: 40 });
const damaged = fc.array(fc.record({ name: fc.string(), message: fc.string() }), { maxLength: 40 });
const results: fc.Arbitrary<Result> = fc.oneof(
  snapshots.map((list) => ({ case: 'list', value: { snapshots: list } }) as const),
  entries.map((list) => ({ case: 'difference', value: { entries: list } }) as const),
  damaged.map((list) => ({ case: 'verified', value: { damaged: list } }) as const),
  fc.string().map((folder) => ({ case: 'restored', value: { folder } }) as const),
);

function listOf({ result }: VaultResult): { readonly list: readonly unknown[]; readonly more: boolean } | undefined {
  if (result.case === 'list') return { list: result.value.snapshots, more: result.value.more };
  if (result.case === 'difference') return { list: result.value.entries, more: result.value.more };
  return result.case === 'verified' ? { list: result.value.damaged, more: result.value.more } : undefined;
}

test('what fits stays as it is; of a longer list a beginning that fits is kept, and says that there is more', () => {
  fc.assert(
    fc.property(results, fc.integer({ min: 0, max: 600 }), (result, most) => {
      const whole = create(VaultResultSchema, { result });
      const bytes = toBinary(VaultResultSchema, whole).byteLength;
      const fitting = fit(whole, most);
      if (bytes <= most) return assert.equal(fitting, whole);
      if (fitting === undefined) return assert.ok(most < bytes);
      const [before, after] = [listOf(whole), listOf(fitting)];
      assert.ok(toBinary(VaultResultSchema, fitting).byteLength <= most);
      assert.ok(before && after?.more && after.list.length < before.list.length);
      assert.deepEqual(after.list, before.list.slice(0, after.list.length));
    }),
  );
});

test('ten thousand differences with long paths go out as one message that the coordinator takes', () => {
  const list = Array.from({ length: 10_000 }, (_, index) => ({ path: `agents/main/${'x'.repeat(200)}/${index}` }));
  const value = create(VaultResultSchema, { result: { case: 'difference', value: { entries: list } } });
  const bytes = toBinary(CommandResultSchema, create(CommandResultSchema, done('c1', value)));
  assert.ok(bytes.byteLength <= 1024 * 1024 && bytes.byteLength > 1000 * 1024, `${bytes.byteLength} bytes`);
});

test('what cannot be shortened is refused in words, so that the stream goes on', () => {
  const folder = 'x'.repeat(2 * 1024 * 1024);
  const value = create(VaultResultSchema, { result: { case: 'restored', value: { folder } } });
  assert.equal(sent(done('c1', value)).reason, 'result_too_large');
});
