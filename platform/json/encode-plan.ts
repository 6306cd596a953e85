// How a message is written as JSON: a plan per schema, made once. Scalars are always written (0, "", []); a message or
// a field with presence only where it is set.
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import type { FieldMask, Timestamp } from '@bufbuild/protobuf/wkt';
import { assertSupported, FIELD_MASK, jsonNameOf, TIMESTAMP } from './field-name.ts';
import { formatTimestamp } from './rfc3339.ts';

// biome-ignore lint/suspicious/noExplicitAny: the plan, made from the schema, knows the type of every value.
export type Write = (value: any) => string;

const plans = new WeakMap<DescMessage, Write>();

/** @returns the writer of a whole message. */
export function messageWriter(schema: DescMessage): Write {
  const made = plans.get(schema);
  if (made) return made;
  if (schema.typeName === TIMESTAMP) return (value: Timestamp) => `"${formatTimestamp(value)}"`;
  if (schema.typeName === FIELD_MASK) return (value: FieldMask) => quote(value.paths.join(','));
  assertSupported(schema);
  let writer: Write | undefined;
  plans.set(schema, (value) => (writer as Write)(value));
  try {
    writer = makeMessageWriter(schema);
  } catch (error) {
    plans.delete(schema);
    throw error;
  }
  plans.set(schema, writer);
  return writer;
}

/** @returns the writer of one field's value, which must be there. */
export function fieldWriter(field: DescField): Write {
  const single = singleWriter(field);
  if (field.fieldKind === 'list') return (values: unknown[]) => writeList(values, single);
  if (field.fieldKind === 'map') return (values: object) => writeMap(values, single);
  return single;
}

function singleWriter(field: DescField): Write {
  if (field.message) return messageWriter(field.message);
  if (field.enum) {
    const names = new Map(field.enum.values.map((value) => [value.number, JSON.stringify(value.name)]));
    return (value: number) => names.get(value) ?? String(value);
  }
  return scalarWriter(field.scalar);
}

function scalarWriter(scalar: ScalarType): Write {
  switch (scalar) {
    case ScalarType.STRING:
      return quote;
    case ScalarType.BYTES:
      return (value: Uint8Array) =>
        `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return integer64;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return finite;
    default:
      return String;
  }
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

function integer64(value: bigint): string {
  return value <= MAX_SAFE && value >= -MAX_SAFE ? String(value) : `"${value}"`;
}

function finite(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`JSON has no number for ${value}`);
  return String(value);
}

// The loop is faster than JSON.stringify for the short plain strings that most values are.
export function quote(value: string): string {
  const length = value.length;
  if (length > 40) return JSON.stringify(value);
  for (let at = 0; at < length; at++) {
    const code = value.charCodeAt(at);
    if (code < 32 || code === 34 || code === 92 || (code >= 0xd800 && code <= 0xdfff)) return JSON.stringify(value);
  }
  return `"${value}"`;
}

function writeList(values: readonly unknown[], write: Write): string {
  if (values.length === 0) return '[]';
  let text = `[${write(values[0])}`;
  for (let at = 1; at < values.length; at++) text += `,${write(values[at])}`;
  return `${text}]`;
}

function writeMap(values: object, write: Write): string {
  const entries = Object.entries(values).map(([key, value]) => `${quote(key)}:${write(value)}`);
  return `{${entries.join(',')}}`;
}

function makeMessageWriter(schema: DescMessage): Write {
  const fields = schema.fields.map((field) => {
    const oneof = field.oneof?.localName;
    return {
      localName: field.localName,
      oneof,
      label: `${JSON.stringify(jsonNameOf(field))}:`,
      write: fieldWriter(field),
    };
  });
  return (message: Record<string, unknown>) => {
    let text = '';
    for (const field of fields) {
      const value =
        field.oneof === undefined ? message[field.localName] : memberOf(message[field.oneof], field.localName);
      if (value === undefined) continue;
      text += text === '' ? field.label : `,${field.label}`;
      text += field.write(value);
    }
    return `{${text}}`;
  };
}

function memberOf(oneof: unknown, localName: string): unknown {
  const set = oneof as { case?: string; value?: unknown };
  return set.case === localName ? set.value : undefined;
}
