import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDatabase } from '../testing/index.ts';
import { createTestDatabase, silentLog } from '../testing/index.ts';
import type { Database } from './index.ts';
import { CommitUnknownError, DatabaseUnavailableError, openDatabase, sqlStateOf, withConnection } from './index.ts';

let home: TestDatabase;
let database: Database;

before(async () => {
  home = await createTestDatabase({ service: 'pool' });
  database = home.database;
});
after(() => home.close());

function terminateAll(): Promise<{ killed: number }[]> {
  const name = new URL(home.url).pathname.slice(1);
  return withConnection(home.adminUrl, (admin) =>
    admin.query(
      `select count(pg_terminate_backend(pid))::int as killed from pg_stat_activity
       where datname = $1 and application_name = 'tradepost-pool'`,
      [name],
    ),
  );
}

test('Values keep their exact form in both directions', async () => {
  const when = new Date('2026-02-03T04:05:06.789Z');
  const [row] = await database.query(
    `select $1::int8 as big, $2::int8[] as bigs, $3::timestamptz as moment, $4::bytea as bytes, $5::jsonb as doc,
       '18446744073709551615'::xid8 as xid, 1.10::numeric as exact, null::int8 as nothing, $6::text[] as texts`,
    [9007199254740993n, [1n, -9223372036854775808n], when, Buffer.from([0, 255]), { a: [1] }, ['a,"b', null]],
  );
  assert.deepEqual(row, {
    big: 9007199254740993n,
    bigs: [1n, -9223372036854775808n],
    moment: when,
    bytes: Buffer.from([0, 255]),
    doc: { a: [1] },
    xid: 18446744073709551615n,
    exact: '1.10',
    nothing: null,
    texts: ['a,"b', null],
  });
});

test('A statement with parameters is prepared once per connection; one without may be several', async () => {
  for (const value of [1, 2, 3]) await database.query('select $1::int as prepared_probe', [value]);
  const prepared = await database.query<{ n: number }>(
    `select count(*)::int as n from pg_prepared_statements where statement = 'select $1::int as prepared_probe'`,
  );
  assert.deepEqual(prepared, [{ n: 1 }]);
  assert.deepEqual(await database.query('select 1 as a; select 2 as b'), [{ b: 2 }]);
});

test('A changed table costs a prepared statement one error, not every following one', async () => {
  await database.query('create table shape (a int)');
  assert.deepEqual(await database.query('select * from shape', []), []);
  await database.query('alter table shape add b int; insert into shape values (1, 2)');
  await assert.rejects(database.query('select * from shape', []), (error) => sqlStateOf(error) === '0A000');
  assert.deepEqual(await database.query('select * from shape', []), [{ a: 1, b: 2 }]);
});

test('Each connection carries its timeouts', async () => {
  const impatient = await openDatabase({
    service: 'pool',
    url: home.url,
    log: silentLog,
    statementTimeoutMs: 120,
    lockTimeoutMs: 60,
    idleInTransactionTimeoutMs: 80,
  });
  await assert.rejects(impatient.query('select pg_sleep(5)'), (error) => sqlStateOf(error) === '57014');
  await database.query('create table locked (a int)');
  await database.transaction(async (tx) => {
    await tx.query('lock table locked');
    await assert.rejects(impatient.query('select * from locked'), (error) => sqlStateOf(error) === '55P03');
  });
  const idle = impatient.transaction(async (tx) => {
    await tx.query('select 1');
    await sleep(250);
    await tx.query('select 2');
  });
  await assert.rejects(idle, DatabaseUnavailableError);
  assert.deepEqual(await impatient.query('select 3 as still_works'), [{ still_works: 3 }]);
  await impatient.close();
});

test('An idle pool shrinks to one connection', async () => {
  const pool = await openDatabase({ service: 'shrinking', url: home.url, log: silentLog, idleTimeoutMs: 100 });
  await Promise.all(Array.from({ length: 8 }, () => pool.query('select pg_sleep(0.05)')));
  assert.equal(pool.stats().total, 8);
  await sleep(400);
  assert.deepEqual(pool.stats(), { total: 1, idle: 10, waiting: 0, max: 10 });
  await pool.close();
});

test('Waiting for a connection has a limit and a sentence', async () => {
  const tiny = await openDatabase({
    service: 'tiny',
    url: home.url,
    log: silentLog,
    maxConnections: 1,
    acquireTimeoutMs: 100,
  });
  const slow = tiny.query('select pg_sleep(0.4)');
  await assert.rejects(tiny.query('select 1'), {
    name: 'DatabaseUnavailableError',
    message: /^No connection of tiny to PostgreSQL at 127\.0\.0\.1:\d+\/test_pool_\w+ was free in time/,
  });
  await slow;
  await tiny.close();
});

test('A server that is not there is named without its password', async () => {
  const url = 'postgresql://me:secret@127.0.0.1:1/shop';
  await assert.rejects(openDatabase({ service: 'lost', url, log: silentLog }), {
    name: 'DatabaseUnavailableError',
    message:
      'PostgreSQL at 127.0.0.1:1/shop does not serve lost (connect ECONNREFUSED 127.0.0.1:1): ' +
      'check that it runs and that the URL is right.',
  });
});

test('The observer sees statements, waits and transactions', async () => {
  const seen: string[] = [];
  const observed = await openDatabase({
    service: 'seen',
    url: home.url,
    log: silentLog,
    observer: {
      queried: ({ sql, failed }) => seen.push(`${sql} ${failed ? 'failed' : 'answered'}`),
      acquired: ({ failed }) => seen.push(failed ? 'no connection' : 'connection'),
      transacted: ({ attempts, outcome }) => seen.push(`${outcome} at ${attempts}`),
    },
  });
  seen.length = 0;
  await observed.transaction((tx) => tx.query('select 1'));
  await assert.rejects(observed.query('select nonsense'));
  await observed.close();
  assert.deepEqual(seen, [
    'connection',
    'begin answered',
    'select 1 answered',
    'commit answered',
    'committed at 1',
    'connection',
    'select nonsense failed',
  ]);
});

test('Killed backends under load cost errors, never a wrong answer, and the pool lives on', async () => {
  await database.query('create table load (id int primary key)');
  const outcomes = { acknowledged: [] as number[], failed: [] as number[], unknown: [] as number[] };
  let next = 0;
  let running = true;
  const worker = async (): Promise<void> => {
    while (running) {
      const id = next++;
      try {
        await database.transaction(async (tx) => {
          await tx.query('insert into load (id) values ($1)', [id]);
          await tx.query('select pg_sleep(0.001)');
        });
        outcomes.acknowledged.push(id);
      } catch (error) {
        if (error instanceof CommitUnknownError) outcomes.unknown.push(id);
        else if (error instanceof DatabaseUnavailableError) outcomes.failed.push(id);
        else throw error;
      }
    }
  };
  const workers = Array.from({ length: 8 }, worker);
  let killed = 0;
  for (let round = 0; round < 12; round += 1) {
    await sleep(60);
    killed += (await terminateAll())[0]?.killed ?? 0;
  }
  running = false;
  await Promise.all(workers);
  const rows = new Set((await database.query<{ id: number }>('select id from load')).map(({ id }) => id));
  assert.ok(killed >= 12, `${killed} backends were killed`);
  assert.ok(outcomes.failed.length > 0 && outcomes.acknowledged.length > 100, JSON.stringify(outcomes).slice(0, 200));
  assert.deepEqual(
    outcomes.acknowledged.filter((id) => !rows.has(id)),
    [],
  );
  assert.deepEqual(
    outcomes.failed.filter((id) => rows.has(id)),
    [],
  );
  const unknownFound = outcomes.unknown.filter((id) => rows.has(id)).length;
  assert.equal(rows.size, outcomes.acknowledged.length + unknownFound);
});

test('Backends killed while idle are not noticed by the next statement', async () => {
  await database.query('select 1');
  await terminateAll();
  await sleep(50);
  assert.deepEqual(await database.query('select 1 as a'), [{ a: 1 }]);
});
