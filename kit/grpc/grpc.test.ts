import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AgentService,
  ConnectRequestSchema,
  ConnectResponseSchema,
  ReadBlobRequestSchema,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import fc from 'fast-check';
import { OpenCraneError } from '../errors.ts';
import { decodeRequest } from './decode-request.ts';
import { Encoded } from './encoded.ts';
import { grpcMethod, grpcServerDefinition, grpcServiceDefinition } from './service-definition.ts';
import { fromGrpcError, toGrpcStatus } from './status.ts';

test('a request that breaks a rule is refused with the field that broke it', () => {
  const bytes = toBinary(ReadBlobRequestSchema, create(ReadBlobRequestSchema, { digest: 'sha256:short' }));
  assert.throws(() => decodeRequest(ReadBlobRequestSchema, bytes), {
    code: 'invalid_argument',
    reason: 'message_invalid',
    field: 'digest',
  });
});

test('a rule in a nested message counts too', () => {
  const message = create(ConnectRequestSchema, { sequence: 1n, message: { case: 'hello', value: { tenant: 'A_B' } } });
  assert.throws(() => decodeRequest(ConnectRequestSchema, toBinary(ConnectRequestSchema, message)), {
    field: 'hello.tenant',
  });
});

test('whatever bytes come, they are a message or an error in words, never another exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeRequest(ConnectRequestSchema, bytes);
      } catch (cause) {
        assert.ok(cause instanceof OpenCraneError && cause.code === 'invalid_argument', String(cause));
      }
    }),
  );
});

test('an encoded message is serialised once, and goes out as it is', () => {
  const message = create(ConnectResponseSchema, { message: { case: 'receiptStored', value: { receiptId: 'r' } } });
  const encoded = Encoded.from(ConnectResponseSchema, message);
  const method = grpcServerDefinition(AgentService)['Connect'];
  assert.equal(method?.responseSerialize(encoded), encoded.bytes);
  assert.deepEqual(method?.responseSerialize(message), encoded.bytes);
});

test('a template writes what serialising each message would, whatever the text', () => {
  const build = (receiptId: string) =>
    create(ConnectResponseSchema, { message: { case: 'receiptStored', value: { receiptId } } });
  const template = Encoded.template(ConnectResponseSchema, build);
  const texts = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ minLength: 120, maxLength: 140 }));
  fc.assert(
    fc.property(texts, (text) => {
      assert.deepEqual(template(text).bytes, Buffer.from(toBinary(ConnectResponseSchema, build(text))));
    }),
  );
});

test('methods are spelt and shaped as gRPC wants them; only a server leaves requests undecoded', () => {
  const { path, requestStream, responseStream } = grpcMethod(AgentService.method.readBlob);
  assert.deepEqual([path, requestStream, responseStream], ['/opencrane.v1.AgentService/ReadBlob', false, true]);
  const bytes = Buffer.from([8, 1]);
  assert.equal(grpcServerDefinition(AgentService)['Connect']?.requestDeserialize(bytes), bytes);
  assert.deepEqual(
    grpcServiceDefinition(AgentService)['Connect']?.requestDeserialize(bytes),
    create(ConnectRequestSchema, { sequence: 1n }),
  );
});

test('an error keeps code, reason, field and mend on its way through gRPC', () => {
  const error = new OpenCraneError('not_found', 'blob_not_found', 'there is none', {
    field: 'digest',
    mend: 'build it',
  });
  const status = toGrpcStatus(error, 'reading');
  const back = fromGrpcError(Object.assign(new Error(status.details), status));
  const { code, reason, field, mend, message } = back;
  assert.deepEqual(
    { code, reason, field, mend, message },
    { code: 'not_found', reason: 'blob_not_found', field: 'digest', mend: 'build it', message: 'there is none' },
  );
});
