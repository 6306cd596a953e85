import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withConnection } from '../../db/index.ts';
import { createTestDatabase, silentLog, type TestDatabase } from '../../testing/index.ts';
import { type Clock, systemClock } from '../../time/index.ts';
import { createHousekeeping } from './housekeeping.ts';
import { applyRetention, OutOfRange, openLogReader, runPass } from './index.ts';
import { ensurePartitions, isMissingPartition } from './outbox-partitions.ts';

const PARTITION = 100;
const insertRows = `
  insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
  select 't', 0, n::text, gen_random_uuid(), 'x', now(), '', '', '{}' from generate_series(1, $1::int) n`;
let testDatabase: TestDatabase;
let clock: Clock & { moveDays(days: number): void };

beforeEach(async () => {
  testDatabase = await createTestDatabase();
  let offsetMs = 0;
  clock = {
    ...systemClock,
    now: () => new Date(Date.now() + offsetMs),
    moveDays: (days) => {
      offsetMs += days * 24 * 3_600_000;
    },
  };
  // Small partitions from here on: the first one, of a million, is nearly used up.
  await testDatabase.database.query(`select setval('tradepost.outbox_seq', 999950)`);
  await ensurePartitions(testDatabase.database, PARTITION);
});
afterEach(() => testDatabase.close());

async function produce(rows: number, topic = 't'): Promise<void> {
  const { database } = testDatabase;
  for (let left = rows; left > 0; left -= 50) {
    await database.query(insertRows.replace("'t'", `'${topic}'`), [Math.min(50, left)]);
    await runPass(database, 0n, 5000);
    await ensurePartitions(database, PARTITION);
  }
}

const retain = (limits = {}) => applyRetention({ database: testDatabase.database, clock, log: silentLog, ...limits });

/** Transactions of other databases of the server, other tests', may hold back for a moment what counts as complete. */
async function completeAll(): Promise<void> {
  for (let look = 0; look < 1000; look += 1) {
    assert.equal(await retain(), 0);
    const left = await testDatabase.database.query(
      'select from tradepost.outbox_partitions where complete_at is null and drawn_xid is not null',
    );
    if (left.length === 0) return;
    await sleep(10);
  }
  throw new Error('the partitions did not become complete');
}

async function partitions(): Promise<bigint[]> {
  const rows = await testDatabase.database.query<{ from_seq: bigint }>(
    'select from_seq from tradepost.outbox_partitions order by from_seq',
  );
  return rows.map((row) => row.from_seq);
}

test('partitions lie ahead of the last row, however many rows come', async () => {
  await produce(500);
  const [room] = await testDatabase.database.query<{ left: bigint }>(
    'select max(to_seq) - (select last_value from tradepost.outbox_seq) as left from tradepost.outbox_partitions',
  );
  assert.ok((room?.left ?? 0n) > 2n * BigInt(PARTITION));
});

test('what is older than its time is removed, and who still needs it is told where the log now begins', async () => {
  const { database } = testDatabase;
  await produce(460);
  await completeAll();
  clock.moveDays(8);
  assert.equal(await retain(), 5);
  const reader = openLogReader({ database });
  // Fifty rows in the first partition, then four of a hundred; the one in use keeps ten.
  assert.deepEqual(await reader.heads(['t']), [{ topic: 't', part: 0, head: 460n, firstRetained: 451n }]);
  await assert.rejects(reader.read([{ topic: 't', part: 0, after: 10n }], 10), (error) => {
    assert.ok(error instanceof OutOfRange);
    assert.equal(error.firstRetained, 451n);
    return true;
  });
  assert.equal((await reader.read([{ topic: 't', part: 0, after: 450n }], 10))[0]?.sequence, 451n);
  assert.deepEqual((await partitions()).slice(0, 1), [1000401n]);
  const [left] = await database.query<{ tables: bigint }>(
    `select count(*) as tables from pg_class where relname ~ '^(log|outbox)_1$'`,
  );
  assert.equal(left?.tables, 0n);
});

test('numbering goes on after everything of a topic was removed', async () => {
  const { database } = testDatabase;
  await produce(50);
  await produce(300, 'other');
  await completeAll();
  clock.moveDays(8);
  assert.ok((await retain()) > 0);
  const reader = openLogReader({ database });
  assert.deepEqual(await reader.heads(['t']), [{ topic: 't', part: 0, head: 50n, firstRetained: 51n }]);
  await produce(1);
  assert.deepEqual(await reader.heads(['t']), [{ topic: 't', part: 0, head: 51n, firstRetained: 51n }]);
});

test('nothing goes while a transaction may still bring a row into it, and its row is delivered', async () => {
  const { database, url } = testDatabase;
  await withConnection(url, async (late) => {
    await late.query('begin');
    await late.query(insertRows, [1]);
    await produce(460);
    assert.equal(await retain(), 0);
    clock.moveDays(30);
    assert.equal(await retain(), 0);
    await late.query('commit');
  });
  assert.equal((await runPass(database, 0n, 5000)).logged, 1);
  // Its age counts from its completion.
  await completeAll();
  clock.moveDays(8);
  assert.equal(await retain(), 5);
  const reader = openLogReader({ database });
  // The late row, number 461, lay in the first partition: what its removal leaves behind it is given up with it.
  assert.deepEqual(await reader.heads(['t']), [{ topic: 't', part: 0, head: 461n, firstRetained: 462n }]);
});

test('above the size that is allowed the oldest go early', async () => {
  await produce(460);
  await completeAll();
  assert.equal(await retain({ keepBytes: 1 }), 5);
});

test('what a known consumer has not taken is kept, until it has moved on or was not heard of for long', async () => {
  const reader = openLogReader({ database: testDatabase.database });
  await produce(460);
  await completeAll();
  const report = (after: bigint) => reader.report('slow', [{ topic: 't', part: 0, after }], clock.now());
  await report(150n);
  clock.moveDays(8);
  // Rows 1 to 150 lie in the first two partitions.
  assert.equal(await retain(), 2);
  assert.equal((await reader.read([{ topic: 't', part: 0, after: 150n }], 1))[0]?.sequence, 151n);
  await report(200n);
  assert.equal(await retain(), 0);
  await report(250n);
  assert.equal(await retain(), 1);
  clock.moveDays(29);
  assert.equal(await retain(), 0);
  clock.moveDays(2);
  assert.equal(await retain(), 2);
});

test('a position of an earlier incarnation holds back what follows the place where the lives parted', async () => {
  const { database } = testDatabase;
  const reader = openLogReader({ database });
  const incarnation = await reader.incarnation();
  await produce(460);
  await completeAll();
  await reader.report('slow', [{ topic: 't', part: 0, incarnation, after: 450n }], clock.now());
  await database.query(`
    insert into tradepost.incarnations (n, system_identifier, timeline)
    select 2, system_identifier, timeline from tradepost.incarnations`);
  await database.query(`insert into tradepost.incarnation_starts values (2, 't', 0, 60)`);
  clock.moveDays(8);
  assert.equal(await retain(), 1);
  assert.equal((await reader.heads())[0]?.firstRetained, 51n);
});

test('the limit of size goes past a consumer that is behind, and says whose events it takes', async () => {
  const said: { consumers?: unknown; message: string }[] = [];
  const note = (facts: object, message: string) => void said.push({ ...facts, message });
  const log = { ...silentLog, error: note, warn: note };
  const reader = openLogReader({ database: testDatabase.database });
  await produce(460);
  await completeAll();
  await reader.report('slow', [{ topic: 't', part: 0, after: 0n }], clock.now());
  assert.equal(await retain({ log, keepBytes: 2 ** 30 }), 0);
  assert.equal(said.length, 0);
  assert.equal(await retain({ log, keepBytes: 1 }), 5);
  assert.equal(said.length, 5);
  assert.deepEqual(said[0]?.consumers, ['slow']);
  assert.equal(
    said[0]?.message,
    'The events take more room than they may: some go that these consumers have not seen.',
  );
});

test('a stop does not wait for a removal that an open writer holds up', async () => {
  const { database, url } = testDatabase;
  await produce(460);
  await completeAll();
  clock.moveDays(8);
  let monotonicMs = 0;
  const housekeeping = createHousekeeping({
    database,
    clock: { ...clock, monotonicMs: () => monotonicMs },
    log: silentLog,
  });
  monotonicMs = 3_600_000;
  await withConnection(url, async (open) => {
    await open.query('begin');
    await open.query(insertRows, [1]);
    housekeeping.startWhenDue();
    await waitForDetach(database);
    const startedMs = performance.now();
    await housekeeping.close();
    assert.ok(performance.now() - startedMs < 2000, 'the stop had to wait');
    await open.query('rollback');
  });
  assert.equal(await retain(), 5);
});

test('partitions are made while a migration of another process holds its lock', async () => {
  const { database, url } = testDatabase;
  await withConnection(url, async (migration) => {
    await migration.query('select pg_advisory_lock(7310552301)');
    const made = database.query<{ made: bigint }>('select tradepost.add_outbox_partition($1) as made', [PARTITION]);
    const late = sleep(2000).then(() => [{ made: undefined }]);
    assert.equal(typeof (await Promise.race([made, late]))[0]?.made, 'bigint');
    await migration.query('select pg_advisory_unlock_all()');
    await made;
  });
});

test('a writer that stays open holds up a removal, but no other writer', async () => {
  const { database, url } = testDatabase;
  await produce(460);
  await completeAll();
  clock.moveDays(8);
  await withConnection(url, async (open) => {
    await open.query('begin');
    await open.query(insertRows, [1]);
    const removing = retain();
    for (let n = 0; n < 20; n += 1) {
      const startedMs = performance.now();
      await database.query(insertRows, [1]);
      await database.query('select tradepost.add_outbox_partition($1)', [PARTITION]);
      assert.ok(performance.now() - startedMs < 1000, 'a writer had to wait');
    }
    assert.equal((await partitions())[0], 1n);
    await open.query('commit');
    assert.equal(await removing, 5);
  });
});

test('a removal that was interrupted is taken up again', async () => {
  const { database, url } = testDatabase;
  await produce(460);
  await completeAll();
  clock.moveDays(8);
  await withConnection(url, async (open) => {
    await open.query('begin');
    await open.query(insertRows, [1]);
    const removing = retain();
    await waitForDetach(database);
    await database.query(`select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and query ~ '^alter table'`);
    assert.equal(await removing, 0);
    const [pending] = await database.query('select from pg_inherits where inhdetachpending');
    assert.notEqual(pending, undefined);
    await open.query('commit');
  });
  assert.equal(await retain(), 5);
  assert.equal((await partitions())[0], 1000401n);
});

async function waitForDetach(database: TestDatabase['database']): Promise<void> {
  for (let look = 0; look < 500; look += 1) {
    const [pending] = await database.query('select from pg_inherits where inhdetachpending');
    if (pending !== undefined) return;
    await sleep(10);
  }
  throw new Error('no partition is being detached');
}

test("two that remove at once do not get in each other's way", async () => {
  await produce(460);
  await completeAll();
  clock.moveDays(8);
  await Promise.all([retain(), retain(), retain()]);
  await retain();
  assert.equal((await partitions())[0], 1000401n);
});

test('an INSERT without a partition is told from other errors', async () => {
  const { database } = testDatabase;
  await database.query(`select setval('tradepost.outbox_seq', 5000000)`);
  await assert.rejects(database.query(insertRows, [1]), (error) => isMissingPartition(error));
  assert.equal(isMissingPartition(new Error('else')), false);
});
