// Which servers are good enough, and how a server is called in a sentence: without its password.
import type { Queryable } from './database.ts';

/** `pg_current_xact_id`, builtin collations in use and MERGE are older; 15 is the oldest that is tested. */
export const OLDEST_VERSION = 15;

/** @returns `host:port/database` of a connection URL. */
export function describeUrl(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url);
    return `${hostname}:${port === '' ? '5432' : port}${pathname}`;
  } catch {
    return 'the given URL';
  }
}

/** @throws an Error that says what to do when the server is older than 15. */
export async function requireVersion(database: Queryable, url: string): Promise<number> {
  const [row] = await database.query<{ number: number; name: string }>(
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as name`,
  );
  const major = Math.floor((row?.number ?? 0) / 10_000);
  if (major < OLDEST_VERSION) {
    throw new Error(
      `PostgreSQL at ${describeUrl(url)} is version ${row?.name}: Tradepost needs ${OLDEST_VERSION} or later. ` +
        'Upgrade it, or leave the URL out to use the embedded server.',
    );
  }
  return major;
}
