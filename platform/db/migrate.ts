// Brings a service's database to the state its files describe. One process at a time, under an advisory lock; each file
// in a transaction of its own together with its record; a file that has landed is frozen by its checksum.
import { setTimeout as sleep } from 'node:timers/promises';
import { describeUrl } from './connection-url.ts';
import type { Queryable } from './database.ts';
import type { MigrationFile, MigrationSource } from './migration-files.ts';
import { readMigrations } from './migration-files.ts';
import { withConnection } from './single-connection.ts';

/** Any number, the same for all: one key per database, so services do not wait for each other. */
const LOCK = 7_310_552_301;
const LOCK_TIMEOUT_MS = 300_000;
const LOCK_POLL_MS = 50;
/** A migration that cannot have its tables gives up, rather than stall everybody who queues behind it. */
const TABLE_LOCK_TIMEOUT_MS = 60_000;

export interface MigrationState {
  readonly component: string;
  readonly number: number;
  readonly name: string;
  /** Absent: not applied yet. */
  readonly appliedAt?: Date;
}

interface Landed {
  readonly component: string;
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly applied_at: Date;
}

/**
 * Applies what is missing. @returns what was applied.
 * @throws an Error that names the file that failed, with everything before it applied.
 */
export function migrateUp(url: string, sources: readonly MigrationSource[]): Promise<MigrationState[]> {
  return locked(url, async (connection) => {
    const applied: MigrationState[] = [];
    for (const source of sources) {
      const files = readMigrations(source);
      const landed = await readLanded(connection, source.component);
      requireUnchanged(source.component, files, landed);
      for (const file of files.slice(landed.length)) {
        const [record] = await runFile<{ applied_at: Date }>(connection, file, file.up, [
          `insert into tradepost.migrations (component, number, name, checksum) values ($1, $2, $3, $4)
           returning applied_at`,
          [file.component, file.number, file.name, file.checksum],
        ]);
        const { component, number, name } = file;
        applied.push({ component, number, name, ...(record === undefined ? {} : { appliedAt: record.applied_at }) });
      }
    }
    return applied;
  });
}

/** Takes back the last `steps` migrations of one component, newest first. @returns what was taken back. */
export function migrateDown(url: string, source: MigrationSource, steps = 1): Promise<MigrationState[]> {
  return locked(url, async (connection) => {
    const files = readMigrations(source);
    const landed = await readLanded(connection, source.component);
    requireUnchanged(source.component, files, landed);
    const undone: MigrationState[] = [];
    for (const { component, number, name } of landed.slice(-steps).reverse()) {
      const file = files[number - 1] as MigrationFile;
      await runFile(connection, file, file.down, [
        `delete from tradepost.migrations where component = $1 and number = $2`,
        [component, number],
      ]);
      undone.push({ component, number, name });
    }
    return undone;
  });
}

/** All migrations of these sources, in order. */
export function migrationStatus(url: string, sources: readonly MigrationSource[]): Promise<MigrationState[]> {
  return locked(url, async (connection) => {
    const states: MigrationState[] = [];
    for (const source of sources) {
      const files = readMigrations(source);
      const landed = await readLanded(connection, source.component);
      requireUnchanged(source.component, files, landed);
      for (const { component, number, name } of files) {
        const appliedAt = landed[number - 1]?.applied_at;
        states.push({ component, number, name, ...(appliedAt === undefined ? {} : { appliedAt }) });
      }
    }
    return states;
  });
}

/** Drops everything in the database, then applies all migrations. */
export async function resetDatabase(url: string, sources: readonly MigrationSource[]): Promise<MigrationState[]> {
  await withConnection(url, async (connection) => {
    await takeLock(connection, url);
    const schemas = await connection.query<{ name: string }>(
      `select quote_ident(nspname) as name from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'`,
    );
    const drops = schemas.map(({ name }) => `drop schema ${name} cascade;`).join('\n');
    await connection.query(`begin; ${drops} create schema public; commit`);
  });
  return migrateUp(url, sources);
}

function locked<T>(url: string, body: (connection: Queryable) => Promise<T>): Promise<T> {
  return withConnection(url, async (connection) => {
    await takeLock(connection, url);
    await connection.query(`
      set lock_timeout = ${TABLE_LOCK_TIMEOUT_MS};
      create schema if not exists tradepost;
      create table if not exists tradepost.migrations (
        component text not null,
        number int not null,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default clock_timestamp(),
        constraint migrations_pkey primary key (component, number)
      )`);
    return body(connection);
  });
}

/** Asks again and again: a session that waits inside the server would hold up CREATE INDEX CONCURRENTLY for good. */
async function takeLock(connection: Queryable, url: string): Promise<void> {
  const giveUpMs = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    const [row] = await connection.query<{ taken: boolean }>(`select pg_try_advisory_lock($1) as taken`, [LOCK]);
    if (row?.taken === true) return;
    if (performance.now() > giveUpMs) {
      throw new Error(
        `Another process has been migrating ${describeUrl(url)} for ${LOCK_TIMEOUT_MS / 1000} seconds: ` +
          'look what it waits for, end it, then start again.',
      );
    }
    await sleep(LOCK_POLL_MS);
  }
}

function readLanded(connection: Queryable, component: string): Promise<Landed[]> {
  return connection.query<Landed>(
    `select component, number, name, checksum, applied_at from tradepost.migrations where component = $1 order by number`,
    [component],
  );
}

function requireUnchanged(component: string, files: readonly MigrationFile[], landed: readonly Landed[]): void {
  landed.forEach((record, index) => {
    const file = files[index];
    const label = `${component}/${record.name}.sql`;
    if (file === undefined || file.name !== record.name) {
      throw new Error(`Migration ${label} was applied to this database and is missing here: put the file back.`);
    }
    if (file.checksum !== record.checksum) {
      throw new Error(
        `Migration ${label} was changed after it was applied: restore its text and put the change into a new migration.`,
      );
    }
  });
}

async function runFile<R extends object>(
  connection: Queryable,
  file: MigrationFile,
  sql: string,
  record: readonly [string, readonly unknown[]],
): Promise<R[]> {
  try {
    if (file.transactional) await connection.query('begin');
    await connection.query(sql);
    const rows = await connection.query<R>(...record);
    if (file.transactional) await connection.query('commit');
    return rows;
  } catch (cause) {
    if (file.transactional) await connection.query('rollback').catch(() => {});
    const reason = cause instanceof Error ? cause.message : String(cause);
    const state = file.transactional ? 'was rolled back' : 'may be half done, outside a transaction: repair it by hand';
    throw new Error(`Migration ${file.component}/${file.name}.sql failed and ${state}: ${reason}.`, { cause });
  }
}
