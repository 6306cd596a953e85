// JSON Schema (2020-12) of messages as the JSON codec reads and writes them. Requests are strict, with the rules of
// their fields; answers say what is always there, and stay open to fields of a later version.
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { jsonNameOf } from '../json/index.ts';
import { exampleOf } from './schema-example.ts';
import {
  digitsPattern,
  hasPresence,
  ignoresZero,
  integerBounds,
  is64Bit,
  isRequired,
  isUnchecked,
  listRules,
  rulesOf,
  type Schema,
  stringRules,
} from './schema-rules.ts';

export type Direction = 'request' | 'response';

export interface SchemaBook {
  /** Component schemas, by name. */
  readonly schemas: Record<string, Schema>;
  /** The schema of a whole message, by reference. */
  message(message: DescMessage, direction: Direction): Schema;
  /** The schema of a field's value, with its description and example. */
  field(field: DescField, direction: Direction, siblings?: readonly DescField[]): Schema;
  /** A request body without the fields that path or query give. */
  body(message: DescMessage, without: ReadonlySet<DescField>): Schema;
}

/** @param docs comments by full name. */
export function createSchemaBook(docs: Readonly<Record<string, string>>): SchemaBook {
  const schemas: Record<string, Schema> = {};
  const names = new Map<string, string>();

  const nameOf = (message: DescMessage, direction: Direction): string => {
    const key = `${direction} ${message.typeName}`;
    const known = names.get(key);
    if (known !== undefined) return known;
    const short = message.typeName.slice(message.file.proto.package.length + 1);
    // A message of both directions is strict in one of them only.
    const candidates = [short, direction === 'request' ? `${short}Input` : `${short}Output`, message.typeName];
    const taken = new Set(names.values());
    const name = candidates.find((candidate) => !taken.has(candidate)) ?? `${message.typeName}.${direction}`;
    names.set(key, name);
    return name;
  };

  const message = (desc: DescMessage, direction: Direction): Schema => {
    if (desc.typeName === 'google.protobuf.Timestamp') return { type: 'string', format: 'date-time' };
    if (desc.typeName === 'google.protobuf.FieldMask') return { type: 'string' };
    const name = nameOf(desc, direction);
    if (schemas[name] === undefined) {
      schemas[name] = {};
      schemas[name] = object(desc, direction, desc.fields);
    }
    return { $ref: `#/components/schemas/${name}` };
  };

  const object = (desc: DescMessage, direction: Direction, fields: readonly DescField[], unchecked = false): Schema => {
    const properties = fields.map((field) => [jsonNameOf(field), described(field, direction, fields, unchecked)]);
    const needed =
      direction === 'request' ? (unchecked ? [] : fields.filter(isRequired)) : fields.filter(isAlwaysWritten);
    const text = docs[desc.typeName];
    return {
      type: 'object',
      ...(text === undefined ? {} : { description: text }),
      properties: Object.fromEntries(properties),
      ...(needed.length > 0 ? { required: needed.map(jsonNameOf) } : {}),
      ...(direction === 'request' ? { additionalProperties: false } : {}),
    };
  };

  const described = (
    field: DescField,
    direction: Direction,
    siblings: readonly DescField[],
    unchecked = false,
  ): Schema => {
    const schema = value(field, direction, siblings, unchecked);
    const text = docs[`${field.parent.typeName}.${field.name}`];
    const example = exampleOf(field);
    return {
      ...schema,
      ...(text === undefined ? {} : { description: text }),
      ...(example === undefined || schema['$ref'] !== undefined ? {} : { examples: [example] }),
    };
  };

  const value = (
    field: DescField,
    direction: Direction,
    siblings: readonly DescField[],
    unchecked: boolean,
  ): Schema => {
    const rules = direction === 'request' && !unchecked ? rulesOf(field) : undefined;
    if (field.fieldKind === 'list') {
      const items = element(
        field,
        direction,
        siblings,
        unchecked,
        rules?.type.case === 'repeated' ? rules.type.value.items : undefined,
      );
      return { type: 'array', items, ...listRules(rules) };
    }
    if (field.fieldKind === 'map')
      return { type: 'object', additionalProperties: element(field, direction, siblings, unchecked, undefined) };
    const schema = element(field, direction, siblings, unchecked || isUnchecked(rules), rules);
    if (!ignoresZero(rules) || field.scalar === undefined) return schema;
    return { anyOf: [{ const: field.scalar === ScalarType.STRING ? '' : 0 }, schema] };
  };

  const element = (
    field: DescField,
    direction: Direction,
    siblings: readonly DescField[],
    unchecked: boolean,
    rules: ReturnType<typeof rulesOf>,
  ): Schema => {
    if (field.message?.typeName === 'google.protobuf.FieldMask') return maskSchema(siblings);
    if (field.message) {
      const { typeName } = field.message;
      const isObject = typeName !== 'google.protobuf.Timestamp';
      return unchecked && isObject
        ? object(field.message, direction, field.message.fields, true)
        : message(field.message, direction);
    }
    if (field.enum) return { type: 'string', enum: field.enum.values.map((value) => value.name) };
    return scalarSchema(field.scalar as ScalarType, direction, rules);
  };

  return {
    schemas,
    message,
    field: (field, direction, siblings = field.parent.fields) => described(field, direction, siblings),
    body(desc, without) {
      if (without.size === 0) return message(desc, 'request');
      return object(
        desc,
        'request',
        desc.fields.filter((field) => !without.has(field)),
      );
    },
  };
}

/** Everything but messages and what is optional is written, also when it is empty. */
function isAlwaysWritten(field: DescField): boolean {
  return !hasPresence(field);
}

/** Field names of the same message, as an array or with commas. */
function maskSchema(siblings: readonly DescField[]): Schema {
  const names = siblings
    .filter((field) => field.message?.typeName !== 'google.protobuf.FieldMask' && field.name !== 'revision')
    .map(jsonNameOf);
  const one = `(${names.join('|')})`;
  return {
    anyOf: [
      { type: 'array', items: { type: 'string', enum: names } },
      { type: 'string', pattern: `^(${one}(,${one})*)?$` },
    ],
  };
}

function scalarSchema(scalar: ScalarType, direction: Direction, rules: ReturnType<typeof rulesOf>): Schema {
  switch (scalar) {
    case ScalarType.STRING:
      return direction === 'request' ? stringRules(rules) : { type: 'string' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64', pattern: '^[A-Za-z0-9+/]*={0,2}$' };
    case ScalarType.DOUBLE:
      return { type: 'number', format: 'double' };
    case ScalarType.FLOAT:
      return { type: 'number', format: 'float' };
    default:
      return integerSchema(scalar, direction, rules);
  }
}

function integerSchema(scalar: ScalarType, direction: Direction, rules: ReturnType<typeof rulesOf>): Schema {
  const bounds = integerBounds(scalar, rules);
  if (!is64Bit(scalar)) {
    return { type: 'integer', format: 'int32', minimum: Number(bounds.min), maximum: Number(bounds.max) };
  }
  const number: Schema = { type: 'integer', format: 'int64', minimum: exact(bounds.min), maximum: exact(bounds.max) };
  // Answers have a string only past what a JSON number keeps exactly.
  const pattern = direction === 'request' ? digitsPattern(bounds) : '^-?[1-9][0-9]{15,19}$';
  return { anyOf: [number, { type: 'string', pattern }] };
}

/** The number as JSON text keeps it: a JavaScript number would round the bounds of 64 bits. */
function exact(value: bigint): unknown {
  const isSafe = BigInt(Number(value)) === value && Math.abs(Number(value)) <= Number.MAX_SAFE_INTEGER;
  return isSafe ? Number(value) : (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(value));
}

/** The schema of a field that is given as text, in a path or a query: the number itself. */
export function parameterSchema(field: DescField, siblings: readonly DescField[]): Schema {
  const rules = rulesOf(field);
  if (field.message?.typeName === 'google.protobuf.Timestamp') return { type: 'string', format: 'date-time' };
  if (field.message) return maskSchema(siblings);
  if (field.enum) return { type: 'string', enum: field.enum.values.map((value) => value.name) };
  const scalar = field.scalar as ScalarType;
  const schema = scalarSchema(scalar, 'request', rules);
  const number = (schema['anyOf'] as Schema[] | undefined)?.[0];
  return number ?? schema;
}
