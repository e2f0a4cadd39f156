/**
 * A thin adapter from protobuf-es descriptors to grpc-js.
 *
 * A message is either a protobuf-es message or an `Encoded` one: bytes that were serialised before,
 * so that what goes to thousands of receivers is serialised once.
 */
import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/** A message that is serialised already. */
export class Encoded {
  readonly bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Serialises a message once, for many receivers. */
  static from<Desc extends DescMessage>(schema: Desc, message: Message & { $typeName: Desc['typeName'] }): Encoded {
    return new Encoded(serialize(schema, message));
  }
}

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

function serialize(schema: DescMessage, value: unknown): Buffer {
  if (value instanceof Encoded) return value.bytes;
  // grpc-js types messages as unknown; the callers of this adapter are typed by the descriptor.
  const bytes = toBinary(schema, value as Message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
