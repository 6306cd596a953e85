// A field of a request that the path or the query gives as text: found by its dotted name, read, and set.
import { create, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import type { FieldFault } from '../errors/index.ts';
import { jsonNameOf, textDecoder } from '../json/index.ts';

type Target = Record<string, unknown>;

export interface TextField {
  /** Dotted proto names: `user.id`. */
  readonly name: string;
  readonly steps: readonly DescField[];
  readonly field: DescField;
  readonly isList: boolean;
  /** JSON pointer of the field in the request message. */
  readonly pointer: string;
  readonly read: ReturnType<typeof textDecoder>;
}

/** Messages that are one text in JSON, and therefore can stand in a query. */
const TEXT_MESSAGES = new Set(['google.protobuf.Timestamp', 'google.protobuf.FieldMask']);

function isText(field: DescField): boolean {
  if (field.fieldKind === 'map') return false;
  return field.message === undefined || TEXT_MESSAGES.has(field.message.typeName);
}

/** @throws when the message has no such field, or when it cannot be given as text. */
export function textField(message: DescMessage, name: string): TextField {
  const steps: DescField[] = [];
  let at: DescMessage | undefined = message;
  for (const part of name.split('.')) {
    const field: DescField | undefined = at?.fields.find((candidate) => candidate.name === part);
    if (!field) throw new Error(`${message.typeName} has no field ${name}`);
    if (steps.some((step) => step.fieldKind !== 'message')) throw new Error(`${name} leads through a list or a map`);
    steps.push(field);
    at = field.message;
  }
  const field = steps.at(-1) as DescField;
  if (!isText(field)) throw new Error(`${message.typeName}.${name} cannot be given as text`);
  return {
    name: steps.map(jsonNameOf).join('.'),
    steps,
    field,
    isList: field.fieldKind === 'list',
    pointer: `/${steps.map(jsonNameOf).join('/')}`,
    read: textDecoder(field),
  };
}

/** Every field of a message that a query can give, except those that are bound elsewhere. */
export function textFieldsOf(message: DescMessage, bound: ReadonlySet<DescField>, prefix = '', depth = 0): TextField[] {
  return fieldNames(message, bound, prefix, depth).map((name) => textField(message, name));
}

function fieldNames(message: DescMessage, bound: ReadonlySet<DescField>, prefix: string, depth: number): string[] {
  return message.fields.flatMap((field) => {
    if (bound.has(field)) return [];
    const name = prefix + field.name;
    if (isText(field)) return [name];
    const nested = field.fieldKind === 'message' && depth < 3 ? field.message : undefined;
    return nested ? fieldNames(nested, bound, `${name}.`, depth + 1) : [];
  });
}

/** Sets the field in the message, making the messages on the way. */
export function setField(message: Message, steps: readonly DescField[], value: unknown): void {
  let target = message as unknown as Target;
  for (const [at, field] of steps.entries()) {
    const isLast = at === steps.length - 1;
    const current = getOwn(target, field);
    const next = isLast ? value : (current ?? create(field.message as DescMessage));
    if (field.oneof) target[field.oneof.localName] = { case: field.localName, value: next };
    else target[field.localName] = next;
    target = next as Target;
  }
}

/** @returns the field's value, undefined where a message on the way is absent. */
export function getField(message: Message, steps: readonly DescField[]): unknown {
  let value: unknown = message;
  for (const field of steps) {
    if (value === undefined) return undefined;
    value = getOwn(value as Target, field);
  }
  return value;
}

function getOwn(target: Target, field: DescField): unknown {
  if (!field.oneof) return target[field.localName];
  const chosen = target[field.oneof.localName] as { case?: string; value?: unknown };
  return chosen.case === field.localName ? chosen.value : undefined;
}

/** Reads the text, noting faults at `pointer` (`?limit`, `{id}`). @returns undefined when there are faults. */
export function readText(field: TextField, text: string, pointer: string, faults: FieldFault[]): unknown {
  const { value, faults: found } = field.read(text, field.name);
  if (found === undefined) return value;
  faults.push(...found.map((fault) => ({ ...fault, pointer })));
  return undefined;
}
