// How a person is written in the setting `user.seed`.
import { type PersonFields, register } from './person.ts';

export interface SeedPerson {
  readonly id: bigint;
  readonly fields: PersonFields;
}

/** Reads `42 Ada Lovelace <ada@example.com>`. @returns undefined when it is not of that form. */
export function parseSeed(line: string): SeedPerson | undefined {
  const [, id, name, email] = /^([1-9]\d{0,17})\s+(\S.*?)\s+<([^\s<>@]+@[^\s<>@]+)>$/.exec(line.trim()) ?? [];
  if (id === undefined || name === undefined || email === undefined) return undefined;
  const fields = register({ name, email });
  return fields instanceof Error ? undefined : { id: BigInt(id), fields };
}
