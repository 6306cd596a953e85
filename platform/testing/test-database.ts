// A fresh database for a test, cloned from a template, on one server that all test processes share: the first starts
// it, the last stops it. Durability is off there, nothing else differs.
import { createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Database, EmbeddedPostgres, MigrationSource, Queryable } from '../db/index.ts';
import {
  migrateUp,
  migrationSources,
  openDatabase,
  sqlStateOf,
  startEmbeddedPostgres,
  withConnection,
  withDatabaseName,
} from '../db/index.ts';
import { readMigrations } from '../db/migration-files.ts';
import { isProcessAlive } from '../db/process-facts.ts';
import type { Logger } from '../service/index.ts';

const directory = fileURLToPath(new URL('../../.cache/test-postgres/', import.meta.url));
const FIRST_PORT = 54_400;
const TEMPLATE_LOCK = 7_310_552_302;

export const silentLog: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, line: () => {} };

export interface TestDatabaseOptions {
  /** Label of the database. Default `test`. */
  readonly service?: string;
  /** The service's folder of migrations; the platform's are always applied. */
  readonly migrations?: URL;
  readonly maxConnections?: number;
}

export interface TestDatabase {
  readonly database: Database;
  readonly url: string;
  /** Superuser's URL of the same server, database `postgres`: to kill backends, say. */
  readonly adminUrl: string;
  /** Closes the pool and drops the database. */
  close(): Promise<void>;
}

/** Owns all test databases: a plain role, as in production, so that what needs more rights fails in tests too. */
const OWNER = 'test_owner';
const MOST_TEMPLATES = 30;
const OWNER_LOCK = 7_310_552_304;

let server: Promise<EmbeddedPostgres> | undefined;

/**
 * The shared server. It is let go of when this process has nothing left to do; a runner of many test processes calls
 * this first and `stop` last, so that the server is not started anew between them.
 */
export function testServer(): Promise<EmbeddedPostgres> {
  if (server === undefined) {
    server = startTestServer();
    process.once('beforeExit', () => void server?.then((running) => running.stop()));
  }
  return server;
}

async function startTestServer(): Promise<EmbeddedPostgres> {
  const running = await startEmbeddedPostgres({ directory, port: FIRST_PORT, log: silentLog, durable: false });
  await withConnection(running.adminUrl, async (connection) => {
    await connection.query(`select pg_advisory_lock($1)`, [OWNER_LOCK]);
    const roles = await connection.query(`select 1 from pg_roles where rolname = $1`, [OWNER]);
    if (roles.length === 0) await connection.query(`create role ${OWNER} login password '${OWNER}'`);
    await dropLeftovers(connection);
    if (!running.adopted) await dropManyTemplates(connection);
  });
  return running;
}

/** Databases of test processes that were killed. Their names hold the process id. */
async function dropLeftovers(connection: Queryable): Promise<void> {
  const left = await connection.query<{ name: string }>(
    `select datname as name from pg_database where datname ~ '^test_.*_[0-9]+_[0-9a-f]+$'`,
  );
  for (const { name } of left) {
    if (!isProcessAlive(Number(name.split('_').at(-2)))) {
      await connection.query(`drop database if exists ${name} with (force)`);
    }
  }
}

/** Each state of the files that was ever tested leaves a template. */
async function dropManyTemplates(connection: Queryable): Promise<void> {
  await connection.query(`select pg_advisory_lock($1)`, [TEMPLATE_LOCK]);
  const all = await connection.query<{ name: string }>(
    `select datname as name from pg_database where datname ~ '^template_[0-9a-f]'`,
  );
  if (all.length <= MOST_TEMPLATES) return;
  for (const { name } of all) await connection.query(`drop database if exists ${name} with (force)`);
}

export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { service = 'test', migrations, maxConnections } = options;
  const { adminUrl } = await testServer();
  const sources = migrationSources(service, migrations);
  const name = `test_${service}_${process.pid}_${randomBytes(5).toString('hex')}`;
  await clone(adminUrl, name, sources).catch((error) => {
    // Another process, the first of its run, has swept away a template that this one had seen.
    if (sqlStateOf(error) !== '3D000') throw error;
    templates.clear();
    return clone(adminUrl, name, sources);
  });
  const url = ownUrl(adminUrl, name);
  const database = await openDatabase({
    service,
    url,
    log: silentLog,
    ...(maxConnections === undefined ? {} : { maxConnections }),
  });
  const close = async (): Promise<void> => {
    await database.close();
    await withConnection(adminUrl, (connection) => connection.query(`drop database if exists ${name} with (force)`));
  };
  return { database, url, adminUrl, close };
}

async function clone(adminUrl: string, name: string, sources: readonly MigrationSource[]): Promise<void> {
  const template = await ensureTemplate(adminUrl, sources);
  await withConnection(adminUrl, (connection) =>
    connection.query(`create database ${name} template ${template} owner ${OWNER}`),
  );
}

function ownUrl(adminUrl: string, name: string): string {
  const url = new URL(withDatabaseName(adminUrl, name));
  url.username = OWNER;
  url.password = OWNER;
  return url.href;
}

const templates = new Map<string, Promise<string>>();

/** One template for each state of the files; a half-made one has another name and is made anew. */
function ensureTemplate(adminUrl: string, sources: readonly MigrationSource[]): Promise<string> {
  const files = sources.flatMap(readMigrations);
  const text = files.map((file) => `${file.component}/${file.name} ${file.checksum}`).join('\n');
  const name = `template_${createHash('sha256').update(`${OWNER}\n${text}`).digest('hex').slice(0, 20)}`;
  let made = templates.get(name);
  if (made === undefined) {
    made = makeTemplate(adminUrl, name, sources).then(() => name);
    templates.set(name, made);
  }
  return made;
}

function makeTemplate(adminUrl: string, name: string, sources: readonly MigrationSource[]): Promise<void> {
  return withConnection(adminUrl, async (connection) => {
    await connection.query(`select pg_advisory_lock($1)`, [TEMPLATE_LOCK]);
    const existing = await connection.query(`select 1 from pg_database where datname = $1`, [name]);
    if (existing.length > 0) return;
    const unfinished = `${name}_unfinished`;
    await connection.query(`drop database if exists ${unfinished} with (force)`);
    await connection.query(`create database ${unfinished} owner ${OWNER}`);
    await migrateUp(ownUrl(adminUrl, unfinished), sources);
    await connection.query(`alter database ${unfinished} rename to ${name}`);
  });
}
