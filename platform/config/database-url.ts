// The ways in which a PostgreSQL server is named: a URL, libpq's `host=… user=…` words, or settings one by one.
import { z } from 'zod';
import { urlOf } from './setting-types.ts';

export interface DatabaseParts {
  readonly host: string;
  readonly port?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly name?: string | undefined;
  readonly sslMode?: string | undefined;
}

/** @returns a URL; without a name it is that of PostgreSQL's maintenance database. */
export function composeUrl(parts: DatabaseParts): string {
  const password = parts.password === undefined ? '' : `:${encodeURIComponent(parts.password)}`;
  const signIn = parts.user === undefined ? '' : `${encodeURIComponent(parts.user)}${password}@`;
  const tls = parts.sslMode === undefined ? '' : `?sslmode=${encodeURIComponent(parts.sslMode)}`;
  return `postgres://${signIn}${parts.host}:${parts.port ?? '5432'}/${encodeURIComponent(parts.name ?? 'postgres')}${tls}`;
}

/** Reads `host=db user='a b' dbname=shop` (libpq, 34.1.1.1); @returns undefined when it is not of that form. */
function readWords(text: string): Map<string, string> | undefined {
  const words = new Map<string, string>();
  const rest = text.replaceAll(/\s*(\w+)\s*=\s*(?:'((?:\\.|[^'\\])*)'|([^\s']*))/g, (_all, name, quoted, bare) => {
    words.set(String(name), String(quoted ?? bare).replaceAll(/\\(.)/g, '$1'));
    return '';
  });
  return rest.trim() === '' && words.size > 0 ? words : undefined;
}

function asUrl(value: unknown): unknown {
  if (typeof value !== 'string' || value.includes('://')) return value;
  const words = readWords(value);
  const host = words?.get('host');
  if (words === undefined || host === undefined) return value;
  return composeUrl({
    host,
    port: words.get('port'),
    user: words.get('user'),
    password: words.get('password'),
    name: words.get('dbname'),
    sslMode: words.get('sslmode'),
  });
}

/** A PostgreSQL URL; libpq's words are accepted and become one. */
export const postgresUrl: z.ZodType<string> = z.preprocess(asUrl, urlOf('postgres', 'postgresql'));
