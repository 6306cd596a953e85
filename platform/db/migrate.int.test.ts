import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { testServer } from '../testing/index.ts';
import type { MigrationSource } from './index.ts';
import { migrateDown, migrateUp, migrationStatus, resetDatabase, withConnection, withDatabaseName } from './index.ts';

let folder: string;
let adminUrl: string;
let name: string;
let url: string;
let shop: MigrationSource;

beforeEach(async () => {
  ({ adminUrl } = await testServer());
  folder = mkdtempSync(join(tmpdir(), 'tradepost-migrate-'));
  name = `test_migrate_${process.pid}_${randomBytes(4).toString('hex')}`;
  await withConnection(adminUrl, (admin) => admin.query(`create database ${name}`));
  url = withDatabaseName(adminUrl, name);
  shop = { component: 'shop', folder: pathToFileURL(`${folder}/`) };
  write('0001-orders', 'create table orders (id int8 primary key);', 'drop table orders;');
  write('0002-notes', 'alter table orders add note text;', 'alter table orders drop note;');
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await withConnection(adminUrl, (admin) => admin.query(`drop database ${name} with (force)`));
});

function write(file: string, up: string, down: string, mark = ''): void {
  writeFileSync(join(folder, `${file}.sql`), `-- Why ${file} is.\n${mark}\n-- up\n${up}\n-- down\n${down}\n`);
}

const names = (states: readonly { name: string }[]): string[] => states.map((state) => state.name);
const ask = <R extends object>(sql: string): Promise<R[]> =>
  withConnection(url, (connection) => connection.query<R>(sql));
const tables = async (): Promise<string[]> =>
  names(await ask(`select tablename as name from pg_tables where schemaname = 'public' order by 1`));

test('Up applies what is missing, status tells what is, down takes back the newest first', async () => {
  assert.deepEqual(names(await migrateUp(url, [shop])), ['0001-orders', '0002-notes']);
  assert.deepEqual(await migrateUp(url, [shop]), []);
  write('0003-more', 'create table more (id int);', 'drop table more;');
  const status = await migrationStatus(url, [shop]);
  assert.deepEqual(
    status.map((state) => `${state.name} ${state.appliedAt instanceof Date ? 'applied' : 'waits'}`),
    ['0001-orders applied', '0002-notes applied', '0003-more waits'],
  );
  await migrateUp(url, [shop]);
  assert.deepEqual(await tables(), ['more', 'orders']);
  assert.deepEqual(names(await migrateDown(url, shop, 2)), ['0003-more', '0002-notes']);
  assert.deepEqual(await tables(), ['orders']);
  assert.deepEqual(names(await migrateUp(url, [shop])), ['0002-notes', '0003-more']);
});

test('A migration that fails leaves nothing of itself and keeps what came before', async () => {
  write('0003-broken', 'create table half (id int); create table half (id int);', '');
  await assert.rejects(migrateUp(url, [shop]), {
    message: 'Migration shop/0003-broken.sql failed and was rolled back: relation "half" already exists.',
  });
  assert.deepEqual(await tables(), ['orders']);
  assert.deepEqual(await ask('select number from tradepost.migrations order by number'), [
    { number: 1 },
    { number: 2 },
  ]);
});

test('A changed or a missing landed file is refused by name', async () => {
  await migrateUp(url, [shop]);
  write('0002-notes', 'alter table orders add note varchar;', '');
  await assert.rejects(migrateUp(url, [shop]), {
    message:
      'Migration shop/0002-notes.sql was changed after it was applied: ' +
      'restore its text and put the change into a new migration.',
  });
  rmSync(join(folder, '0002-notes.sql'));
  await assert.rejects(migrationStatus(url, [shop]), {
    message: 'Migration shop/0002-notes.sql was applied to this database and is missing here: put the file back.',
  });
});

test('Several processes at once apply each migration once', async () => {
  write('0003-slow', 'select pg_sleep(0.1); create table slow (id int);', 'drop table slow;');
  const applied = await Promise.all([1, 2, 3, 4].map(() => migrateUp(url, [shop])));
  assert.deepEqual(applied.map((states) => states.length).sort(), [0, 0, 0, 3]);
});

test('A marked migration runs outside a transaction', async () => {
  write(
    '0003-index',
    'create index concurrently orders_note on orders (note);',
    'drop index orders_note;',
    '-- no transaction',
  );
  assert.deepEqual(names(await migrateUp(url, [shop])), ['0001-orders', '0002-notes', '0003-index']);
  assert.deepEqual(await ask(`select indexname from pg_indexes where indexname = 'orders_note'`), [
    { indexname: 'orders_note' },
  ]);
});

test('Reset leaves the schema and none of the data', async () => {
  await migrateUp(url, [shop]);
  await ask('insert into orders values (1); create schema extra; create table extra.left_over (id int)');
  assert.deepEqual(names(await resetDatabase(url, [shop])), ['0001-orders', '0002-notes']);
  assert.deepEqual(await ask('select * from orders'), []);
  assert.deepEqual(await ask(`select 1 from pg_namespace where nspname = 'extra'`), []);
});
