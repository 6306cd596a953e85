// Examples out of the protos' own annotations: of one field, and of whole messages put together from them.
import { type DescField, type DescMessage, getOption, hasOption, ScalarType } from '@bufbuild/protobuf';
import { example } from '@tradepost/contracts/options';
import { jsonNameOf } from '../json/index.ts';
import { hasPresence, isRequired } from './schema-rules.ts';

const SOME_TIME = '2026-11-21T05:00:00Z';

/** @returns the annotated example, parsed. @throws when the annotation is not JSON. */
export function exampleOf(field: DescField): unknown {
  if (!hasOption(field, example)) return undefined;
  const text = getOption(field, example);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the example of ${field.parent.typeName}.${field.name} is not JSON: ${text}`);
  }
}

/** A request with every field that has an example and all that it needs. */
export function requestExample(message: DescMessage, without: ReadonlySet<DescField> = new Set()): unknown {
  const entries = message.fields
    .filter((field) => !without.has(field))
    .map((field): [string, unknown] => [jsonNameOf(field), exampleOf(field) ?? nested(field, requestExample)])
    .map(([name, value], at): [string, unknown] => {
      const field = message.fields.filter((candidate) => !without.has(candidate))[at] as DescField;
      return [name, value ?? (isRequired(field) ? zeroOf(field) : undefined)];
    });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** An answer as it is written: scalars always, messages where they have something to show. */
export function responseExample(message: DescMessage): unknown {
  const entries = message.fields.map((field): [string, unknown] => [jsonNameOf(field), responseValue(field)]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

export function responseValue(field: DescField): unknown {
  const annotated = exampleOf(field);
  if (annotated !== undefined) return field.fieldKind === 'list' ? [annotated] : annotated;
  return nested(field, responseExample) ?? (hasPresence(field) ? undefined : zeroOf(field));
}

function nested(field: DescField, make: (message: DescMessage) => unknown): unknown {
  const { message } = field;
  if (message === undefined || field.fieldKind === 'map') return undefined;
  if (message.typeName === 'google.protobuf.Timestamp') return make === responseExample ? SOME_TIME : undefined;
  if (message.typeName.startsWith('google.protobuf.')) return undefined;
  // A message within itself would have no end.
  if (message === field.parent) return undefined;
  const value = make(message) as object;
  if (make === requestExample && Object.keys(value).length === 0) return undefined;
  return field.fieldKind === 'list' ? [value] : value;
}

function zeroOf(field: DescField): unknown {
  if (field.fieldKind === 'list') return [];
  if (field.fieldKind === 'map') return {};
  if (field.enum) return field.enum.values[0]?.name;
  if (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES) return '';
  return field.scalar === ScalarType.BOOL ? false : 0;
}
