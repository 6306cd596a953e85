// A started system's own databases, for tests that look behind its back, or break something there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Queryable, withConnection } from '@tradepost/platform/db';
import type { RunningSystem } from './running-system.ts';

/** Administrator's URL of a service's database. */
export function databaseUrl({ env }: RunningSystem, service: string): string {
  const data = join(env['TRADEPOST_DATA'] ?? '', 'postgres');
  const password = readFileSync(join(data, 'tradepost-password'), 'utf8').trim();
  const port = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[3];
  return `postgres://tradepost:${encodeURIComponent(password)}@127.0.0.1:${port}/tradepost_${service}`;
}

export function queryDatabase<T extends object>(
  system: RunningSystem,
  service: string,
  ...[sql, params]: Parameters<Queryable['query']>
): Promise<T[]> {
  return withConnection(databaseUrl(system, service), (connection) => connection.query<T>(sql, params));
}
