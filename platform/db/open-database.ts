// One pool per service. A killed backend costs its statement an error and nothing else: every client carries an error
// listener for life, and a connection that broke is thrown away.
import pg from 'pg';
import type { Logger } from '../service/index.ts';
import { columnTypes } from './column-types.ts';
import { connectionSettings, describeUrl } from './connection-url.ts';
import type { Database, DatabaseObserver, Row } from './database.ts';
import { DatabaseUnavailableError } from './database.ts';
import { requireVersion } from './server-version.ts';
import type { Session } from './session.ts';
import { createSession } from './session.ts';
import { isConnectionLost, leavesConnectionBroken } from './sql-errors.ts';
import { runTransaction } from './transaction.ts';

export interface DatabaseOptions {
  readonly service: string;
  readonly url: string;
  readonly log: Logger;
  /** Most connections of this pool. Default 10; it shrinks to one when idle. */
  readonly maxConnections?: number;
  /** How long a connection may lie idle before it is closed. Default 10,000. */
  readonly idleTimeoutMs?: number;
  /** How long to wait for a connection, new or free. Default 5,000. */
  readonly acquireTimeoutMs?: number;
  /** Default 30,000. */
  readonly statementTimeoutMs?: number;
  /** Default 10,000. */
  readonly lockTimeoutMs?: number;
  /** Default 30,000. A session that may hold a leader's lock needs less than the take-over time. */
  readonly idleInTransactionTimeoutMs?: number;
  readonly observer?: DatabaseObserver;
}

/** Opens the pool and checks the server. @throws DatabaseUnavailableError; an Error for a server older than 15. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { service, url, log, observer, maxConnections = 10, statementTimeoutMs = 30_000 } = options;
  const pool = new pg.Pool({
    ...connectionSettings(url),
    application_name: `tradepost-${service}`,
    max: maxConnections,
    min: 1,
    idleTimeoutMillis: options.idleTimeoutMs ?? 10_000,
    connectionTimeoutMillis: options.acquireTimeoutMs ?? 5_000,
    statement_timeout: statementTimeoutMs,
    lock_timeout: options.lockTimeoutMs ?? 10_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 30_000,
    // The server ends a statement by itself; this one only ends the wait for a server that is no longer there.
    query_timeout: statementTimeoutMs + 10_000,
    keepAlive: true,
    types: columnTypes,
  });
  pool.on('error', (error) => log.debug({ service, error: error.message }, 'An idle database connection was lost.'));
  pool.on('connect', (client) => {
    client.on('error', (error) => log.debug({ service, error: error.message }, 'A database connection was lost.'));
  });

  const acquire = async (): Promise<Session> => {
    const startedMs = performance.now();
    let failed = true;
    try {
      const client = await pool.connect();
      failed = false;
      return createSession(client, service, observer);
    } catch (error) {
      throw unavailable(service, url, error);
    } finally {
      observer?.acquired?.({ service, waitMs: performance.now() - startedMs, failed });
    }
  };

  const database: Database = {
    service,
    async query<R extends object = Row>(sql: string, params?: readonly unknown[]): Promise<R[]> {
      const session = await acquire();
      let broken = false;
      try {
        return await session.query<R>(sql, params);
      } catch (error) {
        broken = leavesConnectionBroken(error);
        throw isConnectionLost(error) ? unavailable(service, url, error) : error;
      } finally {
        session.release(broken);
      }
    },
    transaction: (body, transactionOptions) => runTransaction({ service, acquire, observer }, body, transactionOptions),
    stats: () => ({
      total: pool.totalCount,
      idle: pool.idleCount + Math.max(0, maxConnections - pool.totalCount),
      waiting: pool.waitingCount,
      max: maxConnections,
    }),
    close: closeOnce(pool),
  };
  try {
    await requireVersion(database, url);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

function unavailable(service: string, url: string, cause: unknown): DatabaseUnavailableError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const sentence = reason.startsWith('timeout exceeded')
    ? `No connection of ${service} to PostgreSQL at ${describeUrl(url)} was free in time: all are busy or it does not answer.`
    : `PostgreSQL at ${describeUrl(url)} does not serve ${service} (${reason}): check that it runs and that the URL is right.`;
  return new DatabaseUnavailableError(sentence, { cause });
}

function closeOnce(pool: pg.Pool): () => Promise<void> {
  let closing: Promise<void> | undefined;
  return () => {
    closing ??= pool.end();
    return closing;
  };
}
