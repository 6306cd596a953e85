// Prints a descriptor as `.proto` source. The validation rules ship as a descriptor inside a package, and buf wants
// source. Options are dropped: the descriptor that runs keeps them.
import {
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  ScalarType,
} from '@bufbuild/protobuf';

export function printProto(file: DescFile): string {
  const lines = [
    `syntax = "${file.proto.syntax || 'proto2'}";`,
    `package ${file.proto.package};`,
    ...file.dependencies.map((dependency) => `import "${dependency.name}.proto";`),
    ...file.enums.flatMap((item) => printEnum(item, '')),
    ...file.messages.flatMap((item) => printMessage(item, '')),
    ...file.extensions.flatMap(printExtension),
  ];
  return `${lines.join('\n')}\n`;
}

function printEnum(item: DescEnum, indent: string): string[] {
  return [
    `${indent}enum ${item.name} {`,
    ...(item.proto.options?.allowAlias ? [`${indent}  option allow_alias = true;`] : []),
    ...item.values.map((value) => `${indent}  ${value.name} = ${value.number};`),
    `${indent}}`,
  ];
}

function printMessage(message: DescMessage, indent: string): string[] {
  const inner = `${indent}  `;
  const plain = message.fields.filter((field) => field.oneof === undefined);
  return [
    `${indent}message ${message.name} {`,
    ...message.nestedEnums.flatMap((item) => printEnum(item, inner)),
    ...message.nestedMessages.flatMap((item) => printMessage(item, inner)),
    ...message.oneofs.flatMap((oneof) => [
      `${inner}oneof ${oneof.name} {`,
      ...oneof.fields.map((field) => `${inner}  ${typeOf(field)} ${field.name} = ${field.number};`),
      `${inner}}`,
    ]),
    ...plain.map((field) => `${inner}${labelOf(field)}${typeOf(field)} ${field.name} = ${field.number};`),
    ...message.proto.extensionRange.map((range) => `${inner}extensions ${range.start} to ${rangeEnd(range.end)};`),
    `${indent}}`,
  ];
}

function printExtension(extension: DescExtension): string[] {
  const field = `${labelOf(extension)}${typeOf(extension)} ${extension.name} = ${extension.number};`;
  return [`extend ${extension.extendee.typeName} {`, `  ${field}`, '}'];
}

function rangeEnd(end: number): string {
  return end === 536870912 ? 'max' : String(end - 1);
}

function labelOf(field: DescField | DescExtension): string {
  if (field.fieldKind === 'list') return 'repeated ';
  if (field.fieldKind === 'map') return '';
  const file = field.kind === 'extension' ? field.file : field.parent.file;
  return file.proto.syntax !== 'proto3' || field.proto.proto3Optional ? 'optional ' : '';
}

function typeOf(field: DescField | DescExtension): string {
  if (field.fieldKind === 'map') {
    const value =
      field.message?.typeName ?? field.enum?.typeName ?? ScalarType[field.scalar as ScalarType].toLowerCase();
    return `map<${ScalarType[field.mapKey].toLowerCase()}, ${value}>`;
  }
  if (field.message) return `.${field.message.typeName}`;
  if (field.enum) return `.${field.enum.typeName}`;
  return ScalarType[field.scalar as ScalarType].toLowerCase();
}
