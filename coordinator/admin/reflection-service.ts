/** grpc.reflection.v1: lets grpcurl and `buf curl` work without our .proto files. */
import {
  type DescExtension,
  type DescFile,
  type DescService,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { nestedTypes } from '@bufbuild/protobuf/reflect';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ServiceImpl } from '@connectrpc/connect';
import type {
  ServerReflection,
  ServerReflectionRequest,
  ServerReflectionResponseSchema,
} from '@opencrane/proto/grpc/reflection/v1/reflection_pb.ts';

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

/** Serves the descriptors of these services. */
export function reflectionService(services: readonly DescService[]): ServiceImpl<typeof ServerReflection> {
  const answer = answersFrom(services);
  return {
    async *serverReflectionInfo(requests) {
      for await (const originalRequest of requests) {
        yield { validHost: originalRequest.host, originalRequest, messageResponse: answer(originalRequest) };
      }
    },
  };
}

function answersFrom(services: readonly DescService[]): (request: ServerReflectionRequest) => Answer {
  const files = filesOf(services);
  const symbols = symbolsOf(files);
  const extensions = files.flatMap(extensionsOf);
  return ({ messageRequest: { case: asked, value } }) => {
    switch (asked) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: services.map(({ typeName: name }) => ({ name })) } };
      case 'fileByFilename':
        return descriptor(
          files.find(({ name }) => `${name}.proto` === value),
          value,
        );
      case 'fileContainingSymbol':
        return descriptor(symbols.get(value), value);
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = value;
        const found = extensions.find(
          ({ extendee, number }) => extendee.typeName === containingType && number === extensionNumber,
        );
        return descriptor(found?.file, `${containingType} ${extensionNumber}`);
      }
      case 'allExtensionNumbersOfType': {
        const extensionNumber = extensions
          .filter(({ extendee }) => extendee.typeName === value)
          .map(({ number }) => number);
        return { case: 'allExtensionNumbersResponse', value: { baseTypeName: value, extensionNumber } };
      }
      default:
        return { case: 'errorResponse', value: { errorCode: Code.InvalidArgument, errorMessage: 'nothing was asked' } };
    }
  };
}

/** A file with all that it imports, because a client that has one file asks for each of the others in turn otherwise. */
function descriptor(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) {
    return { case: 'errorResponse', value: { errorCode: Code.NotFound, errorMessage: `there is no ${asked}` } };
  }
  const fileDescriptorProto = withImports(file).map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function filesOf(services: readonly DescService[]): DescFile[] {
  return [...new Set(services.flatMap(({ file }) => withImports(file)))];
}

function withImports(file: DescFile, found = new Set<DescFile>()): DescFile[] {
  if (!found.has(file)) {
    found.add(file);
    for (const imported of file.dependencies) withImports(imported, found);
  }
  return [...found];
}

function symbolsOf(files: readonly DescFile[]): ReadonlyMap<string, DescFile> {
  const symbols = files.flatMap((file) =>
    [...nestedTypes(file)].flatMap((type) => {
      const methods = type.kind === 'service' ? type.methods.map(({ name }) => `${type.typeName}.${name}`) : [];
      return [type.typeName, ...methods].map((name): [string, DescFile] => [name, file]);
    }),
  );
  return new Map(symbols);
}

function extensionsOf(file: DescFile): DescExtension[] {
  return [...nestedTypes(file)].filter((type) => type.kind === 'extension');
}
