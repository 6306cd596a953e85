// Deep copies of messages, so that a local call shares nothing with its caller. The copy of a message type is compiled
// once from its descriptor; it also completes what `create` would: an init shape becomes a whole message in one pass.
import {
  clone,
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  type JsonObject,
  type Message,
  type MessageInitShape,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';
import { scalarZeroValue } from '@bufbuild/protobuf/reflect';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';

type Fields = Record<string, unknown>;
type Copy = (value: never) => unknown;
type CopyMember = (from: Fields, to: Fields) => void;

const EDITION_PROTO3 = 999;
const PRESENCE_IMPLICIT = 2;
const compiled = new WeakMap<DescMessage, (from: Fields) => Fields>();

/** A message of its own with everything in `init`, and nothing shared with it. */
export function copyMessage<M extends DescMessage>(schema: M, init: MessageInitShape<M>): MessageShape<M> {
  return copierOf(schema)(init as Fields) as MessageShape<M>;
}

function copierOf(schema: DescMessage): (from: Fields) => Fields {
  let copy = compiled.get(schema);
  if (copy === undefined) {
    copy = compile(schema);
    compiled.set(schema, copy);
  }
  return copy;
}

function compile(schema: DescMessage): (from: Fields) => Fields {
  // Only proto3 messages are plain objects; others keep presence in their prototype, and are rare enough to be slow.
  if (schema.file.edition !== EDITION_PROTO3) {
    return (from) => clone(schema, create(schema, from as never) as Message) as unknown as Fields;
  }
  const typeName = schema.typeName;
  const members: CopyMember[] = [];
  // The members are filled in on the first call: a message may contain itself.
  let isReady = false;
  return (from) => {
    if (!isReady) {
      isReady = true;
      for (const member of schema.members)
        members.push(member.kind === 'oneof' ? copyOneof(member) : copyField(member));
    }
    const to: Fields = { $typeName: typeName };
    for (let index = 0; index < members.length; index += 1) (members[index] as CopyMember)(from, to);
    if (from.$unknown !== undefined) to.$unknown = (from.$unknown as object[]).map((field) => ({ ...field }));
    return to;
  };
}

function copyField(field: DescField): CopyMember {
  const name = field.localName;
  const copy = copyOfValue(field);
  switch (field.fieldKind) {
    case 'list':
      return (from, to) => {
        const list = from[name] as never[] | undefined;
        if (list === undefined || list === null) to[name] = [];
        else to[name] = copy === undefined ? list.slice() : list.map(copy);
      };
    case 'map':
      return (from, to) => {
        const map: Fields = {};
        for (const [key, value] of Object.entries((from[name] as Fields | undefined) ?? {})) {
          const copied = copy === undefined ? value : copy(value as never);
          // A key may be `__proto__`: it must become an own property.
          Object.defineProperty(map, key, { value: copied, enumerable: true, configurable: true, writable: true });
        }
        to[name] = map;
      };
    default: {
      const zero = zeroOf(field);
      if (copy !== undefined) {
        return (from, to) => {
          const value = from[name];
          if (value !== undefined && value !== null) to[name] = copy(value as never);
          else if (zero !== undefined) to[name] = new Uint8Array(0);
        };
      }
      return (from, to) => {
        const value = from[name];
        if (value !== undefined && value !== null) to[name] = value;
        else if (zero !== undefined) to[name] = zero;
      };
    }
  }
}

function copyOneof(oneof: DescOneof): CopyMember {
  const copies = new Map(oneof.fields.map((field) => [field.localName, copyOfValue(field)]));
  const name = oneof.localName;
  return (from, to) => {
    const chosen = from[name] as { case?: string; value?: unknown } | undefined;
    if (chosen?.case === undefined || !copies.has(chosen.case)) {
      to[name] = { case: undefined };
      return;
    }
    const copy = copies.get(chosen.case);
    to[name] = { case: chosen.case, value: copy === undefined ? chosen.value : copy(chosen.value as never) };
  };
}

/** How one value of the field is copied; undefined when it is immutable. */
function copyOfValue(field: DescField): Copy | undefined {
  if (field.message !== undefined) {
    const schema = field.message;
    if (schema.typeName === 'google.protobuf.Struct' && field.parent.typeName !== 'google.protobuf.Value') {
      return (value: JsonObject) => structuredClone(value);
    }
    // A singular wrapper outside a oneof is held as its bare value.
    if (field.fieldKind === 'message' && field.oneof === undefined && isWrapperDesc(schema)) {
      return schema.fields[0]?.scalar === ScalarType.BYTES ? copyBytes : undefined;
    }
    let copy: ((from: Fields) => Fields) | undefined;
    return (value: Fields) => {
      copy ??= copierOf(schema);
      return copy(value);
    };
  }
  return field.scalar === ScalarType.BYTES ? copyBytes : undefined;
}

function copyBytes(value: ArrayLike<number>): Uint8Array {
  return new Uint8Array(value);
}

function zeroOf(field: DescField): unknown {
  if (field.presence !== PRESENCE_IMPLICIT) return undefined;
  if (field.fieldKind === 'enum') return field.enum.values[0]?.number;
  return field.fieldKind === 'scalar' ? scalarZeroValue(field.scalar, field.longAsString) : undefined;
}
