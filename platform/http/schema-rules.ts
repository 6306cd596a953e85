// Validation rules of a proto field (`buf.validate`) as JSON Schema: the documentation promises what is checked.
import { type DescField, getOption, hasOption, ScalarType } from '@bufbuild/protobuf';
import { type FieldRules, field as fieldRules, Ignore } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

export type Schema = Record<string, unknown>;

/** What every text must be: U+0000 is refused, since PostgreSQL cannot store it. */
const STORABLE = '^[^\\u0000]*$';

export function rulesOf(field: DescField): FieldRules | undefined {
  return hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
}

export function isUnchecked(rules: FieldRules | undefined): boolean {
  return rules?.ignore === Ignore.ALWAYS;
}

export function ignoresZero(rules: FieldRules | undefined): boolean {
  return rules?.ignore === Ignore.IF_ZERO_VALUE;
}

export interface Bounds {
  readonly min: bigint;
  readonly max: bigint;
}

type Limits = {
  lessThan: { case?: string | undefined; value?: unknown };
  greaterThan: { case?: string | undefined; value?: unknown };
};

/** The smallest and the largest integer that the rules leave of a type's range. */
export function integerBounds(scalar: ScalarType, rules: FieldRules | undefined): Bounds {
  const { min, max } = rangeOf(scalar);
  const limits = rules?.type.value as Partial<Limits> | undefined;
  const { greaterThan, lessThan } = limits ?? {};
  const low = greaterThan?.case === undefined ? min : BigInt(greaterThan.value as bigint | number);
  const high = lessThan?.case === undefined ? max : BigInt(lessThan.value as bigint | number);
  return {
    min: greaterThan?.case === 'gt' ? low + 1n : low,
    max: lessThan?.case === 'lt' ? high - 1n : high,
  };
}

function rangeOf(scalar: ScalarType): Bounds {
  switch (scalar) {
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { min: -(2n ** 63n), max: 2n ** 63n - 1n };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { min: 0n, max: 2n ** 64n - 1n };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { min: 0n, max: 2n ** 32n - 1n };
    default:
      return { min: -(2n ** 31n), max: 2n ** 31n - 1n };
  }
}

export function is64Bit(scalar: ScalarType): boolean {
  return rangeOf(scalar).max > 2n ** 33n;
}

/** Digits as text; at most 18 of them, so that no match leaves the range. */
export function digitsPattern({ min }: Bounds): string {
  if (min > 0n) return '^[1-9][0-9]{0,17}$';
  return min === 0n ? '^(0|[1-9][0-9]{0,17})$' : '^(0|-?[1-9][0-9]{0,17})$';
}

const FORMATS: Readonly<Record<string, string>> = {
  email: 'email',
  hostname: 'hostname',
  ipv4: 'ipv4',
  ipv6: 'ipv6',
  uri: 'uri',
  uriRef: 'uri-reference',
  uuid: 'uuid',
};

export function stringRules(rules: FieldRules | undefined): Schema {
  if (rules?.type.case !== 'string') return { type: 'string', pattern: STORABLE };
  const { minLen, maxLen, len, pattern, wellKnown } = rules.type.value;
  const oneOf = rules.type.value.in;
  const format = wellKnown.case === undefined ? undefined : FORMATS[wellKnown.case];
  const schema: Schema = { type: 'string' };
  if (oneOf.length > 0) return { ...schema, enum: oneOf };
  const least = len || minLen;
  const most = len || maxLen;
  if (least) schema['minLength'] = Number(least);
  if (most) schema['maxLength'] = Number(most);
  if (pattern) schema['pattern'] = pattern;
  else if (format === undefined) schema['pattern'] = STORABLE;
  if (format !== undefined) schema['format'] = format;
  return schema;
}

export function listRules(rules: FieldRules | undefined): Schema {
  if (rules?.type.case !== 'repeated') return {};
  const { minItems, maxItems, unique } = rules.type.value;
  return {
    ...(minItems ? { minItems: Number(minItems) } : {}),
    ...(maxItems ? { maxItems: Number(maxItems) } : {}),
    ...(unique ? { uniqueItems: true } : {}),
  };
}

/** Whether a request without the field breaks its rules: its zero value then does. */
export function isRequired(field: DescField): boolean {
  const rules = rulesOf(field);
  if (rules === undefined || isUnchecked(rules)) return false;
  if (rules.required) return true;
  // An optional field that is absent is not looked at.
  if (ignoresZero(rules) || hasPresence(field)) return false;
  if (field.fieldKind === 'list') return rules.type.case === 'repeated' && rules.type.value.minItems > 0n;
  if (field.scalar === ScalarType.STRING) return refusesEmptyText(rules);
  if (field.fieldKind !== 'scalar' || field.scalar === ScalarType.BOOL || field.scalar === ScalarType.BYTES)
    return false;
  const { min, max } = integerBounds(field.scalar, rules);
  return min > 0n || max < 0n;
}

function refusesEmptyText(rules: FieldRules): boolean {
  if (rules.type.case !== 'string') return false;
  const { minLen, len, pattern, wellKnown } = rules.type.value;
  const oneOf = rules.type.value.in;
  if (minLen > 0n || len > 0n || wellKnown.case !== undefined) return true;
  if (oneOf.length > 0) return !oneOf.includes('');
  return pattern !== '' && !new RegExp(pattern).test('');
}

/** Whether absence can be told from the zero value. */
export function hasPresence(field: DescField): boolean {
  return field.fieldKind === 'message' || field.oneof !== undefined || field.presence === EXPLICIT;
}

/** google.protobuf.FeatureSet.FieldPresence.EXPLICIT */
const EXPLICIT = 1;
