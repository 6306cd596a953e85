// One connection for one piece of administration: no pool, no statement timeout.
import pg from 'pg';
import { columnTypes } from './column-types.ts';
import { connectionSettings, describeUrl } from './connection-url.ts';
import type { Queryable, Row } from './database.ts';
import { DatabaseUnavailableError } from './database.ts';
import { isConnectionLost } from './sql-errors.ts';

/** Connects, runs the body and closes. @throws DatabaseUnavailableError when there is no connection. */
export async function withConnection<T>(
  url: string,
  body: (connection: Queryable) => Promise<T>,
  connectTimeoutMs = 10_000,
): Promise<T> {
  const client = new pg.Client({
    ...connectionSettings(url),
    application_name: 'tradepost-admin',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    types: columnTypes,
  });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    await client.end().catch(() => {});
    throw new DatabaseUnavailableError(
      `PostgreSQL at ${describeUrl(url)} cannot be reached (${reason}): check that it runs and that the URL is right.`,
      { cause: error },
    );
  }
  try {
    return await body({
      query: async <R extends object = Row>(sql: string, params?: readonly unknown[]): Promise<R[]> => {
        const answer: unknown = await client.query(sql, params as unknown[] | undefined);
        return ((Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryResult).rows as R[];
      },
    });
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
    throw new DatabaseUnavailableError(`The connection to PostgreSQL at ${describeUrl(url)} was lost.`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => {});
  }
}
