/**
 * A thin adapter from protobuf-es descriptors to grpc-js. A message is either a protobuf-es message or an `Encoded` one.
 */
import { type DescMessage, type DescMethod, type DescService, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { type Encoded, serialize } from './encoded.ts';

/** A method as a client calls it, typed by its descriptor. */
export function grpcMethod<Input extends DescMessage, Output extends DescMessage>(
  method: DescMethod & { readonly input: Input; readonly output: Output },
): MethodDefinition<MessageShape<Input> | Encoded, MessageShape<Output>> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: (value) => serialize(method.input, value),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (value) => serialize(method.output, value),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

/** The service as a client wants it: one definition per method, keyed by the methods' names. */
export function grpcServiceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.name, grpcMethod(method)]));
}

/**
 * The service as a server wants it, keyed by the methods' names. Requests arrive as the bytes they are, for
 * decode-request.ts: when a decoder throws, grpc-js answers INTERNAL and nothing else; this way the server says what is
 * wrong.
 */
export function grpcServerDefinition(service: DescService): ServiceDefinition {
  const methods = service.methods.map((method) => [
    method.name,
    { ...grpcMethod(method), requestDeserialize: (bytes: Buffer) => bytes },
  ]);
  return Object.fromEntries(methods);
}
