// Reads one scalar, enum, timestamp or field mask from JSON text. Each reader leaves the position behind the value and
// returns undefined with a fault where the value does not fit.
import { create, type DescEnum, type MessageShape, ScalarType } from '@bufbuild/protobuf';
import { FieldMaskSchema, type Timestamp } from '@bufbuild/protobuf/wkt';
import type { JsonText, Kind } from './json-text.ts';
import { parseTimestamp } from './rfc3339.ts';

export type Read = (json: JsonText) => unknown;

const QUOTE = 34;
const PLAIN_INTEGER = /^-?(?:0|[1-9][0-9]{0,19})$/;
const KIND_NAMES: Readonly<Record<Kind, string>> = {
  string: 'a string',
  number: 'a number',
  object: 'an object',
  array: 'an array',
  true: 'true',
  false: 'false',
  null: 'null',
};

/** Notes that the value has the wrong type, and reads over it. */
export function wrongType(json: JsonText, expected: string): undefined {
  const kind = json.kind();
  const hint = kind === 'null' ? '; leave the field out instead' : '';
  json.fault('wrong_type', `${json.name()} must be ${expected}, not ${KIND_NAMES[kind]}${hint}`);
  json.skip();
}

export function readString(json: JsonText): string | undefined {
  return json.next() === QUOTE ? json.string() : wrongType(json, 'a string');
}

function isNumberStart(code: number): boolean {
  return code === 45 || (code >= 48 && code <= 57);
}

// A fraction other than zeros is no integer. An exponent is refused even where the value is whole (1e3): what wrote it
// holds a floating-point number, and past 2^53 such a number has already lost digits that nobody would miss.
function notAnInteger(json: JsonText): undefined {
  return json.fault('not_an_integer', `${json.name()} must be an integer, written in plain digits`);
}

function outOfRange(json: JsonText, min: bigint | number, max: bigint | number): undefined {
  return json.fault('out_of_range', `${json.name()} must be between ${min} and ${max}`);
}

/** 32-bit integers: a JSON number only. */
export function readInteger32(min: number, max: number): Read {
  return (json) => {
    if (!isNumberStart(json.next())) return wrongType(json, 'an integer');
    if (!json.number()) return notAnInteger(json);
    const value = json.integer;
    // NaN, more than 15 digits, fails both comparisons.
    if (value >= min && value <= max) return value === 0 ? 0 : value;
    return outOfRange(json, min, max);
  };
}

/** 64-bit integers, exactly: a JSON number, or the same digits in a string. */
export function readInteger64(min: bigint, max: bigint): Read {
  return (json) => {
    const code = json.next();
    if (isNumberStart(code)) {
      if (!json.number()) return notAnInteger(json);
      return checked64(json, toBigInt(json), min, max);
    }
    if (code !== QUOTE) return wrongType(json, 'an integer, or a string of its digits');
    const text = json.string();
    if (text === undefined) return undefined;
    if (!/^-?[0-9]+$/.test(text)) {
      return json.fault(
        'not_an_integer',
        `${json.name()} must be an integer, or a string of its digits and nothing else`,
      );
    }
    if (!PLAIN_INTEGER.test(text)) {
      if (/^-?0/.test(text)) return json.fault('not_an_integer', `${json.name()} must not have leading zeros`);
      return outOfRange(json, min, max);
    }
    return checked64(json, BigInt(text), min, max);
  };
}

function toBigInt(json: JsonText): bigint | undefined {
  if (!Number.isNaN(json.integer)) return BigInt(json.integer);
  // Turning a number of a million digits into a bigint would take seconds.
  return json.digitsEnd - json.start > 20 ? undefined : BigInt(json.text.slice(json.start, json.digitsEnd));
}

function checked64(json: JsonText, value: bigint | undefined, min: bigint, max: bigint): bigint | undefined {
  if (value !== undefined && value >= min && value <= max) return value;
  return outOfRange(json, min, max);
}

function readFloat(max: number): Read {
  return (json) => {
    if (!isNumberStart(json.next())) return wrongType(json, 'a number');
    json.number();
    const value = Number(json.text.slice(json.start, json.pos));
    if (Math.abs(value) <= max) return value;
    return outOfRange(json, -max, max);
  };
}

export function readBool(json: JsonText): boolean | undefined {
  const kind = json.kind();
  if (kind !== 'true' && kind !== 'false') return wrongType(json, 'true or false');
  json.pos += kind.length;
  return kind === 'true';
}

function readBytes(json: JsonText): Uint8Array | undefined {
  if (json.next() !== QUOTE) return wrongType(json, 'a string in base64');
  const text = json.string();
  if (text === undefined) return undefined;
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(text)) {
    return new Uint8Array(Buffer.from(text, 'base64'));
  }
  return json.fault('invalid_value', `${json.name()} must be base64`);
}

export function readEnum(desc: DescEnum): Read {
  const numbers = new Map(desc.values.map((value) => [value.name, value.number]));
  const names = desc.values.map((value) => value.name).join(', ');
  return (json) => {
    if (json.next() !== QUOTE) return wrongType(json, `one of ${names}`);
    const name = json.string();
    if (name === undefined) return undefined;
    return numbers.get(name) ?? json.fault('invalid_value', `${json.name()} must be one of ${names}`);
  };
}

export function readTimestamp(json: JsonText): Timestamp | undefined {
  if (json.next() !== QUOTE) return wrongType(json, 'a time as RFC 3339 text');
  const text = json.string();
  if (text === undefined) return undefined;
  const hint = 'such as 2026-01-31T12:00:00Z';
  return parseTimestamp(text) ?? json.fault('invalid_value', `${json.name()} must be a time as RFC 3339 text, ${hint}`);
}

/** `"name,country"` or `["name","country"]`; the names are checked by who uses the mask. */
export function readFieldMask(json: JsonText): MessageShape<typeof FieldMaskSchema> | undefined {
  const code = json.next();
  if (code === QUOTE) {
    const text = json.string();
    return text === undefined ? undefined : create(FieldMaskSchema, { paths: text === '' ? [] : text.split(',') });
  }
  if (code !== 91) return wrongType(json, 'field names, as an array or separated by commas');
  const paths: string[] = [];
  json.enter();
  if (json.next() === 93) json.pos++;
  else {
    do {
      json.path[json.depth - 1] = paths.length;
      paths.push(readString(json) ?? '');
    } while (json.more(93));
  }
  json.depth--;
  return create(FieldMaskSchema, { paths });
}

const INT32 = readInteger32(-(2 ** 31), 2 ** 31 - 1);
const UINT32 = readInteger32(0, 2 ** 32 - 1);
const INT64 = readInteger64(-(2n ** 63n), 2n ** 63n - 1n);
const UINT64 = readInteger64(0n, 2n ** 64n - 1n);

export const SCALARS: Readonly<Record<ScalarType, Read>> = {
  [ScalarType.STRING]: readString,
  [ScalarType.BOOL]: readBool,
  [ScalarType.BYTES]: readBytes,
  [ScalarType.INT32]: INT32,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.UINT32]: UINT32,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.INT64]: INT64,
  [ScalarType.SINT64]: INT64,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.UINT64]: UINT64,
  [ScalarType.FIXED64]: UINT64,
  [ScalarType.FLOAT]: readFloat(3.4028234663852886e38),
  [ScalarType.DOUBLE]: readFloat(Number.MAX_VALUE),
};
