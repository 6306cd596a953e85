// What a field is called in JSON, and which well-known messages have a form of their own there.
import type { DescField, DescMessage } from '@bufbuild/protobuf';

/** Messages whose JSON is not an object of their fields, and which we have no need of: refused when a plan is made. */
const UNSUPPORTED = new Set(
  ['Any', 'Struct', 'Value', 'ListValue', 'Duration', 'DoubleValue', 'FloatValue', 'Int64Value', 'UInt64Value']
    .concat(['Int32Value', 'UInt32Value', 'BoolValue', 'StringValue', 'BytesValue'])
    .map((name) => `google.protobuf.${name}`),
);

/**
 * The proto name, unless the field has a `json_name` of its own. A descriptor always has a JSON name, so one of its own
 * can only be told from the default (lowerCamel) where it differs.
 */
export function jsonNameOf(field: DescField): string {
  const { name, jsonName } = field;
  return jsonName === '' || jsonName === lowerCamel(name) ? name : jsonName;
}

function lowerCamel(name: string): string {
  return name.replace(/_+([a-zA-Z0-9])?/g, (_, letter: string | undefined) => letter?.toUpperCase() ?? '');
}

/** @throws when JSON of this message would need a form that the codec does not have. */
export function assertSupported(message: DescMessage): void {
  if (UNSUPPORTED.has(message.typeName)) throw new Error(`${message.typeName} has no JSON form in this codec`);
}

export const TIMESTAMP = 'google.protobuf.Timestamp';
export const FIELD_MASK = 'google.protobuf.FieldMask';
