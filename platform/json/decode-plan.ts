// How the JSON of a message is read: a plan per schema, made once, that builds the message straight from the text
// without an object in between. Faults are gathered, so that a caller learns of all of them at once.
import { create, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import { assertSupported, FIELD_MASK, jsonNameOf, TIMESTAMP } from './field-name.ts';
import type { JsonText } from './json-text.ts';
import { type Read, readEnum, readFieldMask, readTimestamp, SCALARS, wrongType } from './read-scalar.ts';

const QUOTE = 34;
const CLOSE_OBJECT = 125;
const CLOSE_ARRAY = 93;

interface FieldPlan {
  readonly name: string;
  /** The name as it stands in the text, quotes included: the fields mostly come in the order of the schema. */
  readonly quoted: string;
  readonly index: number;
  readonly read: Read;
  readonly localName: string;
  /** The member of the message that holds the field's oneof, where it is in one. */
  readonly oneof: string | undefined;
}

type Target = Record<string, unknown>;

const plans = new WeakMap<DescMessage, Read>();

/** @returns the reader of a whole message. */
export function messageReader(schema: DescMessage): Read {
  const made = plans.get(schema);
  if (made) return made;
  if (schema.typeName === TIMESTAMP) return readTimestamp;
  if (schema.typeName === FIELD_MASK) return readFieldMask;
  assertSupported(schema);
  let reader: Read | undefined;
  // Known before its fields are: a message may contain itself.
  const outer: Read = (json) => (reader as Read)(json);
  plans.set(schema, outer);
  try {
    reader = makeMessageReader(schema);
  } catch (error) {
    plans.delete(schema);
    throw error;
  }
  plans.set(schema, reader);
  return reader;
}

/** @returns the reader of one field's value. */
export function fieldReader(field: DescField): Read {
  if (field.fieldKind === 'list') return listReader(singleReader(field));
  if (field.fieldKind === 'map') return mapReader(field);
  return singleReader(field);
}

function singleReader(field: DescField): Read {
  if (field.message) return messageReader(field.message);
  if (field.enum) return readEnum(field.enum);
  return SCALARS[field.scalar];
}

/** Makes empty messages in the form of `create`, without walking the descriptor each time. */
function messageFactory(schema: DescMessage): () => Target {
  const template = create(schema) as unknown as Target;
  if (Object.getPrototypeOf(template) !== Object.prototype) return () => create(schema) as unknown as Target;
  const containers = Object.keys(template).filter((key) => typeof template[key] === 'object');
  const lists = containers.filter((key) => Array.isArray(template[key]));
  if (lists.length !== containers.length) return () => create(schema) as unknown as Target;
  if (lists.length === 0) return () => ({ ...template });
  return () => {
    const target = { ...template };
    for (const list of lists) target[list] = [];
    return target;
  };
}

function makeMessageReader(schema: DescMessage): Read {
  const fields = schema.fields.map(
    (field, index): FieldPlan => ({
      name: jsonNameOf(field),
      quoted: JSON.stringify(jsonNameOf(field)),
      index,
      read: fieldReader(field),
      localName: field.localName,
      oneof: field.oneof?.localName,
    }),
  );
  const byName = new Map(fields.map((field) => [field.name, field]));
  const makeEmpty = messageFactory(schema);

  const assign = (json: JsonText, target: Target, field: FieldPlan): void => {
    const value = field.read(json);
    if (value === undefined) return;
    if (field.oneof === undefined) target[field.localName] = value;
    else if ((target[field.oneof] as { case?: string }).case === undefined) {
      target[field.oneof] = { case: field.localName, value };
    } else json.fault('conflicting_fields', `${json.name()} cannot be given together with another of its group`);
  };

  return (json) => {
    if (json.next() !== 123) return wrongType(json, 'an object');
    const target = makeEmpty();
    json.enter();
    const level = json.depth - 1;
    // A bit for each of the first 31 fields; the rare schema with more keeps the others in a set.
    let seen = 0;
    let seenLate: Set<number> | undefined;
    let expected = 0;
    if (json.next() === CLOSE_OBJECT) json.pos++;
    else {
      do {
        const field = readKey(json, level, fields[expected], byName);
        if (field === undefined) continue;
        json.path[level] = field.name;
        const late = field.index >= 31;
        if (late ? seenLate?.has(field.index) : seen & (1 << field.index)) {
          json.fault('duplicate_field', `${json.name()} is given twice`);
          json.skip();
          continue;
        }
        if (late) seenLate = (seenLate ?? new Set()).add(field.index);
        else seen |= 1 << field.index;
        expected = field.index + 1;
        assign(json, target, field);
      } while (json.more(CLOSE_OBJECT));
    }
    json.depth = level;
    return target as unknown as Message;
  };
}

/** Reads a field's name and the colon. @returns undefined when the schema has no such field; its value is read over. */
function readKey(
  json: JsonText,
  level: number,
  expected: FieldPlan | undefined,
  byName: ReadonlyMap<string, FieldPlan>,
): FieldPlan | undefined {
  if (json.next() !== QUOTE) json.malformed('a field name in quotes is expected');
  if (expected !== undefined && json.text.startsWith(expected.quoted, json.pos)) {
    json.pos += expected.quoted.length;
    json.colon();
    return expected;
  }
  json.path[level] = '?';
  const name = json.string();
  json.colon();
  const field = name === undefined ? undefined : byName.get(name);
  if (field) return field;
  if (name !== undefined && !json.ignoreUnknown) {
    json.path[level] = name;
    json.fault('unknown_field', `${json.name()} is not a field of this message${similar(name, byName)}`);
  }
  json.skip();
  return undefined;
}

function similar(name: string, byName: ReadonlyMap<string, FieldPlan>): string {
  const folded = (text: string) => text.replaceAll(/[_-]/g, '').toLowerCase();
  const near = [...byName.keys()].find((candidate) => folded(candidate) === folded(name.slice(0, 100)));
  return near === undefined ? '' : `; did you mean ${near}?`;
}

function listReader(read: Read): Read {
  return (json) => {
    if (json.next() !== 91) return wrongType(json, 'an array');
    const values: unknown[] = [];
    json.enter();
    const level = json.depth - 1;
    if (json.next() === CLOSE_ARRAY) json.pos++;
    else {
      let index = 0;
      do {
        json.path[level] = index++;
        const value = read(json);
        if (value !== undefined) values.push(value);
      } while (json.more(CLOSE_ARRAY));
    }
    json.depth = level;
    return values;
  };
}

function mapReader(field: DescField & { fieldKind: 'map' }): Read {
  // ScalarType.STRING; other keys would need a text form each.
  if (field.mapKey !== 9) throw new Error(`${field.toString()}: only maps with string keys have a JSON form here`);
  const read = singleReader(field);
  return (json) => {
    if (json.next() !== 123) return wrongType(json, 'an object');
    const entries = new Map<string, unknown>();
    json.enter();
    const level = json.depth - 1;
    if (json.next() === CLOSE_OBJECT) json.pos++;
    else {
      do {
        if (json.next() !== QUOTE) json.malformed('a field name in quotes is expected');
        const key = json.string();
        json.colon();
        json.path[level] = key ?? '?';
        if (key === undefined || entries.has(key)) {
          if (key !== undefined) json.fault('duplicate_field', `${json.name()} is given twice`);
          json.skip();
        } else entries.set(key, read(json));
      } while (json.more(CLOSE_OBJECT));
    }
    json.depth = level;
    // Object.fromEntries defines own properties: `__proto__` stays a key.
    return Object.fromEntries(entries);
  };
}
