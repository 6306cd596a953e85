// The standard reflection service, v1 and v1alpha, over the descriptors of what is served: how grpcurl and its like
// learn what may be called.
import { type DescFile, type DescService, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { nestedTypes } from '@bufbuild/protobuf/reflect';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { file_google_rpc_error_details } from '@tradepost/contracts/grpc-error-details';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
  ServerReflection as V1,
} from '@tradepost/contracts/grpc-reflection';
import { ServerReflection as V1Alpha } from '@tradepost/contracts/grpc-reflection-v1alpha';
import { grpcCodeOf } from '../errors/index.ts';
import { duplexStream, type Implementation, implement } from '../service/index.ts';

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

/** @param services asked at each request. */
export function reflectionOf(services: () => readonly DescService[]): Implementation[] {
  let catalogue: Catalogue | undefined;
  const answer = (request: ServerReflectionRequest): MessageInitShape<typeof ServerReflectionResponseSchema> => {
    catalogue ??= createCatalogue(services());
    return { validHost: request.host, originalRequest: request, messageResponse: answerOf(catalogue, request) };
  };
  const v1 = implement(V1, {
    serverReflectionInfo: duplexStream(V1.method.serverReflectionInfo, async function* (requests) {
      for await (const request of requests) yield answer(request);
    }),
  });
  const v1alpha = implement(V1Alpha, {
    serverReflectionInfo: duplexStream(V1Alpha.method.serverReflectionInfo, async function* (requests) {
      // Both versions have the same shape under two names.
      for await (const request of requests) {
        const { originalRequest: _, ...rest } = answer(request as unknown as ServerReflectionRequest);
        yield { ...rest, originalRequest: request } as never;
      }
    }),
  });
  return [v1, v1alpha];
}

interface Catalogue {
  readonly services: readonly string[];
  readonly byFileName: ReadonlyMap<string, DescFile>;
  readonly bySymbol: ReadonlyMap<string, DescFile>;
  /** By the extended message, then by number. */
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, DescFile>>;
}

function createCatalogue(services: readonly DescService[]): Catalogue {
  const byFileName = new Map<string, DescFile>();
  const bySymbol = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  const add = (file: DescFile): void => {
    if (byFileName.has(file.proto.name)) return;
    byFileName.set(file.proto.name, file);
    for (const type of nestedTypes(file)) {
      bySymbol.set(type.typeName, file);
      if (type.kind === 'service') for (const { name } of type.methods) bySymbol.set(`${type.typeName}.${name}`, file);
      if (type.kind === 'message') for (const { name } of type.fields) bySymbol.set(`${type.typeName}.${name}`, file);
      if (type.kind !== 'extension') continue;
      const numbers = extensions.get(type.extendee.typeName) ?? new Map<number, DescFile>();
      extensions.set(type.extendee.typeName, numbers.set(type.number, file));
    }
    for (const dependency of file.dependencies) add(dependency);
  };
  for (const service of services) add(service.file);
  // Errors carry these, and tools want to show them.
  add(file_google_rpc_error_details);
  return { services: services.map(({ typeName }) => typeName).sort(), byFileName, bySymbol, extensions };
}

function answerOf(catalogue: Catalogue, { messageRequest }: ServerReflectionRequest): Answer {
  switch (messageRequest.case) {
    case 'listServices':
      return { case: 'listServicesResponse', value: { service: catalogue.services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return files(catalogue.byFileName.get(messageRequest.value), messageRequest.value);
    case 'fileContainingSymbol':
      return files(catalogue.bySymbol.get(messageRequest.value), messageRequest.value);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = messageRequest.value;
      const file = catalogue.extensions.get(containingType)?.get(extensionNumber);
      return files(file, `extension ${extensionNumber} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType': {
      const baseTypeName = messageRequest.value;
      if (!catalogue.bySymbol.has(baseTypeName)) return notFound(baseTypeName);
      const extensionNumber = [...(catalogue.extensions.get(baseTypeName)?.keys() ?? [])];
      return { case: 'allExtensionNumbersResponse', value: { baseTypeName, extensionNumber } };
    }
    default:
      return error('INVALID_ARGUMENT', 'The request asks for nothing');
  }
}

/** The file and all that it needs, itself first. */
function files(file: DescFile | undefined, name: string): Answer {
  if (file === undefined) return notFound(name);
  const needed = new Set<DescFile>();
  const add = (next: DescFile): void => {
    if (needed.has(next)) return;
    needed.add(next);
    for (const dependency of next.dependencies) add(dependency);
  };
  add(file);
  const fileDescriptorProto = [...needed].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function notFound(name: string): Answer {
  return error('NOT_FOUND', `There is no ${name} here`);
}

function error(status: 'NOT_FOUND' | 'INVALID_ARGUMENT', errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode: grpcCodeOf(status), errorMessage } };
}
