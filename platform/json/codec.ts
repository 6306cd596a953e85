// JSON for REST and for event values, from the descriptors. protobuf-es has one of its own that writes int64 as
// strings, rounds 9007199254740993 silently, accepts `0x10` and `" 5"`, and stops at the first fault.
import { isUtf8 } from 'node:buffer';
import { type DescField, type DescMessage, type MessageShape, ScalarType } from '@bufbuild/protobuf';
import type { FieldFault } from '../errors/index.ts';
import { fieldReader, messageReader } from './decode-plan.ts';
import { fieldWriter, messageWriter, type Write } from './encode-plan.ts';
import { JsonText, MalformedJson } from './json-text.ts';
import type { Read } from './read-scalar.ts';

export interface DecodeOptions {
  /** Skip fields that the schema does not have (events of a newer producer); REST refuses them by name. */
  readonly ignoreUnknown?: boolean;
}

export type Decoded<M extends DescMessage> =
  | { readonly message: MessageShape<M>; readonly faults?: undefined }
  | { readonly message?: undefined; readonly faults: readonly FieldFault[] };

export type DecodedValue =
  | { readonly value: unknown; readonly faults?: undefined }
  | { readonly value?: undefined; readonly faults: readonly FieldFault[] };

/**
 * Makes the plans of a schema, and of all that it contains, before they are needed.
 * @throws for a message that has no JSON form here (google.protobuf.Struct and its kind).
 */
export function prepareJson(schema: DescMessage): void {
  messageReader(schema);
  messageWriter(schema);
}

/** Compact JSON in proto field names; int64 as numbers (strings past 2^53), absent optional fields left out. */
export function encodeJson<M extends DescMessage>(schema: M, message: MessageShape<M>): string {
  return messageWriter(schema)(message);
}

/** @returns the message, or every fault of the text at once. */
export function decodeJson<M extends DescMessage>(
  schema: M,
  text: string | Uint8Array,
  options: DecodeOptions = {},
): Decoded<M> {
  const { value, faults } = decode(messageReader(schema), text, options);
  return faults === undefined ? { message: value as MessageShape<M> } : { faults };
}

/** The same from a value that somebody parsed already; integers past 2^53 are exact only as strings or bigints. */
export function decodeJsonValue<M extends DescMessage>(
  schema: M,
  value: unknown,
  options: DecodeOptions = {},
): Decoded<M> {
  const text = JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part));
  return decodeJson(schema, text ?? 'null', options);
}

/** @returns the writer of one field's value: the answer of a route with a `response_body`. */
export function fieldEncoder(field: DescField): Write {
  return fieldWriter(field);
}

/** @returns the reader of one field's value: the body of a route with a `body` field. */
export function fieldDecoder(field: DescField): (text: string | Uint8Array, options?: DecodeOptions) => DecodedValue {
  const read = fieldReader(field);
  return (text, options = {}) => decode(read, text, options);
}

function decode(read: Read, text: string | Uint8Array, options: DecodeOptions): DecodedValue {
  try {
    const json = new JsonText(toText(text), options.ignoreUnknown === true);
    const value = read(json);
    json.end();
    return json.faults.length === 0 ? { value } : { faults: json.faults };
  } catch (error) {
    if (error instanceof MalformedJson) return { faults: [{ pointer: '', code: error.code, detail: error.message }] };
    throw error;
  }
}

function toText(text: string | Uint8Array): string {
  if (typeof text === 'string') {
    if (!text.isWellFormed()) throw new MalformedJson('the body contains half of a surrogate pair', 'invalid_utf8');
    return text;
  }
  if (!isUtf8(text)) throw new MalformedJson('the body is not valid UTF-8', 'invalid_utf8');
  const decoded = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('utf8');
  // A byte order mark says nothing in UTF-8; some editors and shells write it all the same.
  return decoded.charCodeAt(0) === 0xfeff ? decoded.slice(1) : decoded;
}

/** Kinds whose text stands in JSON as it is, with the form that it must have there. */
const BARE = /^(?:true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$/;

/**
 * @returns the reader of a field that is given as text, in a path or a query: the same rules as for JSON, without
 * quotes. Faults point to `/<name>`.
 */
export function textDecoder(field: DescField): (text: string, name: string) => DecodedValue {
  const read = fieldReader(field.fieldKind === 'list' ? elementOf(field) : field);
  const bare = isBare(field);
  return (text, name) => {
    const json = new JsonText(bare && BARE.test(text) ? text : JSON.stringify(text), false);
    json.path[0] = name;
    json.depth = 1;
    const value = read(json);
    return json.faults.length === 0 ? { value } : { faults: json.faults };
  };
}

function isBare(field: DescField): boolean {
  return field.scalar !== undefined && field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES;
}

/** A list in a query is its element, given again and again. */
function elementOf(field: DescField & { fieldKind: 'list' }): DescField {
  return { ...field, fieldKind: field.listKind, toString: field.toString } as unknown as DescField;
}
