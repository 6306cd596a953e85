// Which servers are good enough.
import { describeUrl } from './connection-url.ts';
import type { Queryable } from './database.ts';

/** `pg_current_xact_id`, builtin collations in use and MERGE are older; 15 is the oldest that is tested. */
export const OLDEST_VERSION = 15;

/** @returns what is wrong with a server of that version, for a person; undefined when it is good enough. */
export function versionFault(versionNumber: number, version: string, url: string): string | undefined {
  if (Math.floor(versionNumber / 10_000) >= OLDEST_VERSION) return undefined;
  return (
    `PostgreSQL at ${describeUrl(url)} is version ${version}: Tradepost needs ${OLDEST_VERSION} or later. ` +
    'Upgrade it, or leave the URL out to use the embedded server.'
  );
}

/** @throws an Error that says what to do when the server is older than 15. */
export async function requireVersion(database: Queryable, url: string): Promise<void> {
  const [row] = await database.query<{ number: number; name: string }>(
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as name`,
  );
  const fault = versionFault(row?.number ?? 0, row?.name ?? 'unknown', url);
  if (fault !== undefined) throw new Error(fault);
}
