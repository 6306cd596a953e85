// PostgreSQL cannot store U+0000 in text, so a request that carries it is refused at the door. The walk over a message
// type's strings is compiled once.
import { type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';

type Fields = Record<string, unknown>;
type Find = (message: Fields, pointer: string, found: string[]) => void;

const compiled = new WeakMap<DescMessage, Find | undefined>();

/** @returns JSON pointers to the strings with a U+0000. */
export function findUnstorableText(schema: DescMessage, message: Message): string[] {
  const found: string[] = [];
  finderOf(schema)?.(message as unknown as Fields, '', found);
  return found;
}

function finderOf(schema: DescMessage): Find | undefined {
  if (!compiled.has(schema)) {
    // A message that contains itself finds this entry while it is compiled.
    let find: Find | undefined;
    compiled.set(schema, (message, pointer, found) => find?.(message, pointer, found));
    find = compile(schema);
    compiled.set(schema, find);
  }
  return compiled.get(schema);
}

function compile(schema: DescMessage): Find | undefined {
  const finders = schema.fields.map(findInField).filter((find) => find !== undefined);
  if (finders.length === 0) return undefined;
  return (message, pointer, found) => {
    for (const find of finders) find(message, pointer, found);
  };
}

function findInField(field: DescField): Find | undefined {
  const findInValue = finderOfValue(field);
  const hasTextKeys = field.fieldKind === 'map' && field.mapKey === ScalarType.STRING;
  if (findInValue === undefined && !hasTextKeys) return undefined;
  const read = readerOf(field);
  return (message, pointer, found) => {
    const value = read(message);
    if (value === undefined || value === null) return;
    const here = `${pointer}/${field.name}`;
    if (field.fieldKind === 'list') {
      const list = value as unknown[];
      for (let index = 0; index < list.length; index += 1) findInValue?.(list[index], `${here}/${index}`, found);
    } else if (field.fieldKind === 'map') {
      for (const [key, item] of Object.entries(value)) {
        if (hasTextKeys && key.includes('\0')) found.push(here);
        findInValue?.(item, `${here}/${key}`, found);
      }
    } else findInValue?.(value, here, found);
  };
}

function finderOfValue(field: DescField): ((value: unknown, pointer: string, found: string[]) => void) | undefined {
  if (field.message !== undefined) {
    const find = finderOf(field.message);
    if (find === undefined) return undefined;
    // A wrapper is held as its bare value, a Struct as JSON.
    return (value, pointer, found) => {
      if (typeof value === 'string') findInText(value, pointer, found);
      else if ((value as Message).$typeName !== undefined) find(value as Fields, pointer, found);
      else if (JSON.stringify(value).includes('\\u0000')) found.push(pointer);
    };
  }
  return field.scalar === ScalarType.STRING ? findInText : undefined;
}

function findInText(value: unknown, pointer: string, found: string[]): void {
  if ((value as string).includes('\0')) found.push(pointer);
}

function readerOf(field: DescField): (message: Fields) => unknown {
  const { localName, oneof } = field;
  if (oneof === undefined) return (message) => message[localName];
  return (message) => {
    const chosen = message[oneof.localName] as { case?: string; value?: unknown };
    return chosen.case === localName ? chosen.value : undefined;
  };
}
