import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { silentLog, testServer } from '../testing/index.ts';
import { openDatabase, provisionDatabase, sqlStateOf, withConnection } from './index.ts';

const service = `provision${process.pid}`;
const name = `tradepost_${service}`;
const other = `provother${process.pid}`;
const weak = `weak_${process.pid}`;
const { adminUrl } = await testServer();

after(() =>
  withConnection(adminUrl, async (admin) => {
    for (const each of [name, `tradepost_${other}`]) {
      await admin.query(`drop database if exists ${each} with (force)`);
      await admin.query(`drop role if exists ${each}`);
    }
    await admin.query(`drop role if exists ${weak}`);
  }),
);

test('Several processes provisioning at once get the same database, owned by its own role', async () => {
  const urls = await Promise.all([1, 2, 3].map(() => provisionDatabase(adminUrl, service)));
  assert.equal(new Set(urls).size, 1);
  const database = await openDatabase({ service, url: urls[0] ?? '', log: silentLog });
  const facts = await database.query(
    `select current_user::text as role, current_database()::text as database,
       (select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = current_user) as mighty,
       lower('É') as lowered`,
  );
  assert.deepEqual(facts, [{ role: name, database: name, mighty: false, lowered: 'é' }]);
  await database.query('create table mine (id int)');
  await database.close();
  assert.equal(await provisionDatabase(adminUrl, service), urls[0]);
});

test("A service's role cannot enter another service's database", async () => {
  const own = new URL(await provisionDatabase(adminUrl, service));
  const foreign = new URL(await provisionDatabase(adminUrl, other));
  own.pathname = foreign.pathname;
  await assert.rejects(
    withConnection(own.href, async () => {}),
    (error) => sqlStateOf(error) === '42501',
  );
});

test('Missing rights are told with the SQL to run', async () => {
  await withConnection(adminUrl, (admin) => admin.query(`create role ${weak} login password 'weak'`));
  const url = new URL(adminUrl);
  url.username = weak;
  url.password = 'weak';
  await assert.rejects(provisionDatabase(url.href, 'shop'), {
    message:
      `${weak} lacks CREATEDB and CREATEROLE at 127.0.0.1:${url.port}/postgres: ` +
      `run "ALTER ROLE ${weak} CREATEDB CREATEROLE;" as a superuser, or run ` +
      `"CREATE ROLE tradepost_shop LOGIN PASSWORD '…'; CREATE DATABASE tradepost_shop OWNER tradepost_shop;" ` +
      "as a superuser and give that database's URL.",
  });
});

test('CREATEDB and CREATEROLE are enough', async () => {
  await withConnection(adminUrl, (admin) => admin.query(`alter role ${weak} createdb createrole`));
  await withConnection(adminUrl, async (admin) => {
    await admin.query(`drop database if exists tradepost_${other} with (force)`);
    await admin.query(`drop role if exists tradepost_${other}`);
  });
  const url = new URL(adminUrl);
  url.username = weak;
  url.password = 'weak';
  const own = await provisionDatabase(url.href, other);
  const rows = await withConnection(own, (connection) => connection.query('select current_user::text as role'));
  assert.deepEqual(rows, [{ role: `tradepost_${other}` }]);
});

test('A name that cannot be one is refused', async () => {
  await assert.rejects(provisionDatabase(adminUrl, 'Shop; drop'), { message: /cannot name a database/ });
});
