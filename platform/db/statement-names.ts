// Names of prepared statements, made from their text, so that every connection uses the same. The number of texts is
// bounded: a text that is assembled anew each time must not fill the server's memory.
import { createHash } from 'node:crypto';

const MAX_STATEMENTS = 1000;
const names = new Map<string, string>();

/** @returns the name to prepare the statement under; undefined once too many texts were seen: run it unnamed. */
export function statementName(sql: string): string | undefined {
  const known = names.get(sql);
  if (known !== undefined) return known;
  if (names.size >= MAX_STATEMENTS) return undefined;
  const name = `tp_${createHash('sha256').update(sql).digest('hex').slice(0, 24)}`;
  names.set(sql, name);
  return name;
}
