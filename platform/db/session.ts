// One lent connection. Its statements run one after the other, also when they are asked for at once.
import type pg from 'pg';
import type { DatabaseObserver, Row } from './database.ts';
import { statementName } from './statement-names.ts';

export interface Session {
  query<R extends object = Row>(sql: string, params?: readonly unknown[]): Promise<R[]>;
  /** @returns the command tag: `COMMIT`, or `ROLLBACK` when the server made one of it. */
  command(sql: string): Promise<string>;
  /** @param broken the connection is thrown away instead of being lent again. */
  release(broken: boolean): void;
}

export function createSession(client: pg.PoolClient, service: string, observer?: DatabaseObserver): Session {
  let previous: Promise<unknown> = Promise.resolve();
  const send = async (sql: string, params?: readonly unknown[]): Promise<pg.QueryResult> => {
    const startedMs = performance.now();
    let failed = true;
    try {
      const name = params === undefined ? undefined : statementName(sql);
      const values = params as unknown[] | undefined;
      const answer: unknown = await client.query(
        name === undefined ? { text: sql, values } : { name, text: sql, values },
      );
      failed = false;
      return (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryResult;
    } finally {
      observer?.queried?.({ service, sql, durationMs: performance.now() - startedMs, failed });
    }
  };
  const inTurn = (sql: string, params?: readonly unknown[]): Promise<pg.QueryResult> => {
    const answer = previous.then(() => send(sql, params));
    previous = answer.catch(() => {});
    return answer;
  };
  return {
    query: async <R extends object>(sql: string, params?: readonly unknown[]) =>
      (await inTurn(sql, params)).rows as R[],
    command: async (sql) => (await inTurn(sql)).command,
    release: (broken) => client.release(broken),
  };
}
