// Prints the comments of the protos by full name, for the API documentation: generated code has them as comments only.
import { type DescMessage, fromBinary, type Message } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

// Field numbers of descriptor.proto: the steps of a path in the source information.
const FILE_MESSAGES = 4;
const FILE_ENUMS = 5;
const FILE_SERVICES = 6;
const MESSAGE_FIELDS = 2;
const MESSAGE_NESTED = 3;
const MESSAGE_ENUMS = 4;
const ENUM_VALUES = 2;
const SERVICE_METHODS = 2;

/** @param descriptors a FileDescriptorSet with source information. @returns the source of `docs.ts`. */
export function printDocs(descriptors: Uint8Array): string {
  const { file } = fromBinary(FileDescriptorSetSchema as DescMessage, descriptors) as Message & {
    file: FileDescriptorProto[];
  };
  const entries = file
    .filter((candidate) => candidate.package.startsWith('tradepost.'))
    .flatMap(docsOfFile)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '// Generated from the comments in contracts/proto. Do not edit; run `npm run generate`.',
    '/* eslint-disable */',
    '',
    '/** What a service, method, message, field or enum value is, by its full name. */',
    'export const docs: Readonly<Record<string, string>> = {',
    ...entries.map(([name, text]) => `  ${JSON.stringify(name)}: ${JSON.stringify(text)},`),
    '};',
    '',
  ].join('\n');
}

type Entry = [name: string, text: string];

function docsOfFile(file: FileDescriptorProto): Entry[] {
  const comments = new Map<string, string>();
  for (const { path, leadingComments, trailingComments } of file.sourceCodeInfo?.location ?? []) {
    const text = tidy(leadingComments || trailingComments);
    if (text !== '') comments.set(path.join('.'), text);
  }
  const named: [name: string, path: string][] = [];
  const scope = file.package;
  for (const [at, message] of file.messageType.entries())
    named.push(...pathsOfMessage(message, scope, `${FILE_MESSAGES}.${at}`));
  for (const [at, desc] of file.enumType.entries()) named.push(...pathsOfEnum(desc, scope, `${FILE_ENUMS}.${at}`));
  for (const [at, service] of file.service.entries()) {
    const name = `${scope}.${service.name}`;
    const path = `${FILE_SERVICES}.${at}`;
    named.push([name, path]);
    const methods = service.method.entries();
    for (const [index, method] of methods)
      named.push([`${name}.${method.name}`, `${path}.${SERVICE_METHODS}.${index}`]);
  }
  return named.flatMap(([name, path]): Entry[] => {
    const text = comments.get(path);
    return text === undefined ? [] : [[name, text]];
  });
}

function pathsOfMessage(message: DescriptorProto, scope: string, path: string): [string, string][] {
  const name = `${scope}.${message.name}`;
  return [
    [name, path],
    ...message.field.map((field, at): [string, string] => [`${name}.${field.name}`, `${path}.${MESSAGE_FIELDS}.${at}`]),
    ...message.nestedType.flatMap((nested, at) => pathsOfMessage(nested, name, `${path}.${MESSAGE_NESTED}.${at}`)),
    ...message.enumType.flatMap((desc, at) => pathsOfEnum(desc, name, `${path}.${MESSAGE_ENUMS}.${at}`)),
  ];
}

function pathsOfEnum(desc: EnumDescriptorProto, scope: string, path: string): [string, string][] {
  const name = `${scope}.${desc.name}`;
  const values = desc.value.map((value, at): [string, string] => [
    `${name}.${value.name}`,
    `${path}.${ENUM_VALUES}.${at}`,
  ]);
  return [[name, path], ...values];
}

/** One paragraph, without what is meant for a linter. */
function tidy(text: string): string {
  const lines = text.split('\n').filter((line) => !line.trim().startsWith('buf:lint:'));
  return lines.join(' ').replaceAll(/\s+/g, ' ').trim();
}
