import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withConnection } from '../../db/index.ts';
import { createTestDatabase, examineLog, isSound, silentLog, type TestDatabase } from '../../testing/index.ts';
import { systemClock } from '../../time/index.ts';
import { openLogReader, restoreFix, runPass, startSequencer } from './index.ts';

let source: TestDatabase;
let restored: TestDatabase;

beforeEach(async () => {
  [source, restored] = await Promise.all([createTestDatabase(), createTestDatabase()]);
});
afterEach(() => Promise.all([source.close(), restored.close()]));

const INSERT = `
  insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
  select 't', 0, unnest($1::text[]), gen_random_uuid(), 'x', now(), '', '', '{}'`;

async function logOf({ database }: TestDatabase): Promise<string[]> {
  const rows = await database.query<{ key: string }>(
    'select o.key from tradepost.log l join tradepost.outbox o on o.seq = l.seq order by l.sequence',
  );
  return rows.map(({ key }) => key);
}

async function passAll({ database }: TestDatabase): Promise<string> {
  for (;;) {
    const [fence] = await database.query<{ epoch: bigint }>('select epoch from tradepost.fence');
    const { outcome } = await runPass(database, fence?.epoch ?? 0n, 100);
    if (outcome !== 'logged') return outcome;
  }
}

/** Copies the rows as a dump does, with transaction ids of a server that has given away a billion more. */
async function restoreDump(): Promise<void> {
  const shift = (id: string) => `((${id})::text::bigint + 1000000000)::text::xid8`;
  const tables: readonly (readonly [string, string])[] = [
    [
      'outbox',
      `select json_agg(to_jsonb(o) || jsonb_build_object('txid', ${shift('o.txid')})) as rows from tradepost.outbox o`,
    ],
    ['log', 'select json_agg(l) as rows from tradepost.log l'],
    ['log_parts', 'select json_agg(p) as rows from tradepost.log_parts p'],
    ['incarnations', 'select json_agg(i) as rows from tradepost.incarnations i'],
    [
      'checkpoints',
      `select json_agg(json_build_object('n', n, 'seen', format('%s:%s:',
         ${shift('pg_snapshot_xmax(seen)')}, ${shift('pg_snapshot_xmax(seen)')}))) as rows
       from (select * from tradepost.checkpoints order by n desc limit 1) c`,
    ],
  ];
  for (const [table, select] of tables) {
    // As text: JavaScript would round the server's identifier.
    const [dump] = await source.database.query<{ rows: string }>(`select rows::text from (${select}) dump`);
    await restored.database.query(`delete from tradepost.${table}`);
    await restored.database.query(
      `insert into tradepost.${table} select * from json_populate_recordset(null::tradepost.${table}, $1)`,
      [dump?.rows],
    );
  }
  const [sequence] = await source.database.query<{ at: bigint }>('select last_value as at from tradepost.outbox_seq');
  await restored.database.query(`select setval('tradepost.outbox_seq', $1)`, [sequence?.at]);
}

test('a dump restored into another server stops the sequencer with a sentence until it is repaired', async (t) => {
  await source.database.query(INSERT, [['a', 'b', 'c']]);
  await passAll(source);
  await source.database.query(INSERT, [['pending-1', 'pending-2']]);
  await restoreDump();
  const { database } = restored;
  await database.query('update tradepost.incarnations set system_identifier = system_identifier + 1');
  const sequencer = startSequencer({ database, clock: systemClock, log: silentLog });
  t.after(() => sequencer.close());
  while (sequencer.status().state !== 'stopped') await sleep(5);
  assert.equal(
    sequencer.status().reason,
    'The database of test was restored into another server, or follows another timeline. ' +
      'Its events wait until `tradepost restore-fix test` was run.',
  );
  // Producers go on meanwhile.
  await database.query(INSERT, [['new-1']]);
  const reader = openLogReader({ database });
  const before = await reader.incarnation();
  const fixed = await restoreFix(database);
  assert.equal(fixed.pending, 3);
  assert.notEqual(fixed.incarnation, before);
  assert.equal(await reader.incarnation(), fixed.incarnation);
  while ((await logOf(restored)).length < 6) await sleep(20);
  assert.deepEqual(await logOf(restored), ['a', 'b', 'c', 'pending-1', 'pending-2', 'new-1']);
  assert.equal(sequencer.status().state, 'leading');
  await sequencer.close();
  assert.equal(isSound(await examineLog(database)), true);
});

test('a snapshot from the future is noticed where the server claims to be the same', async () => {
  await source.database.query(INSERT, [['a']]);
  await passAll(source);
  await restoreDump();
  await restored.database.query(INSERT, [['hidden']]);
  assert.equal(await passAll(restored), 'future');
  await restoreFix(restored.database);
  assert.equal(await passAll(restored), 'idle');
  assert.deepEqual(await logOf(restored), ['a', 'hidden']);
});

test('another timeline is noticed', async () => {
  await source.database.query(`update tradepost.incarnations set timeline = '0000002A'`);
  assert.equal(await passAll(source), 'moved');
});

test('a consumer that is ahead of a restored log is led back to where the lives part', async () => {
  await source.database.query(INSERT, [['a', 'b', 'c']]);
  await passAll(source);
  const reader = openLogReader({ database: source.database });
  const old = await reader.incarnation();
  const { incarnation } = await restoreFix(source.database);
  await source.database.query(INSERT, [['d', 'e']]);
  await passAll(source);
  const readFrom = async (position: { after: bigint; incarnation?: string }) =>
    (await reader.read([{ topic: 't', part: 0, ...position }], 10)).map(({ key, sequence }) => `${sequence} ${key}`);
  assert.deepEqual(await readFrom({ after: 7n, incarnation: old }), ['4 d', '5 e']);
  assert.deepEqual(await readFrom({ after: 2n, incarnation: old }), ['3 c', '4 d', '5 e']);
  assert.deepEqual(await readFrom({ after: 4n, incarnation }), ['5 e']);
  // A life that this log knows nothing of: it ended in a restore too, or the log was made anew.
  const unknown = '0190b5a0-0000-7000-8000-000000000000';
  assert.deepEqual(await readFrom({ after: 9n, incarnation: unknown }), ['4 d', '5 e']);
});

test('logged rows are not delivered again when the server gives away the ids they were restored with', async () => {
  const { database } = source;
  await database.query(INSERT, [['a', 'b']]);
  await passAll(source);
  await database.query('update tradepost.outbox set txid = (pg_current_xact_id()::text::bigint + 20)::text::xid8');
  await restoreFix(database);
  for (let burnt = 0; burnt < 50; burnt += 1) await database.query('select pg_current_xact_id()');
  assert.equal(await passAll(source), 'idle');
  assert.deepEqual(await logOf(source), ['a', 'b']);
});

test('events of transactions that are open during the repair are delivered once', async () => {
  const { database, url } = source;
  await withConnection(url, async (early) => {
    await early.query('begin');
    await early.query(INSERT, [['open']]);
    await withConnection(url, async (older) => {
      // It has an id that is smaller than the repair's, and no row yet.
      await older.query('begin');
      await older.query('select pg_current_xact_id()');
      await database.query(INSERT, [['pending']]);
      assert.equal((await restoreFix(database)).pending, 1);
      assert.equal(await passAll(source), 'idle');
      assert.deepEqual(await logOf(source), ['pending']);
      await older.query(INSERT, [['later']]);
      await older.query('commit');
    });
    await early.query('commit');
  });
  assert.equal(await passAll(source), 'idle');
  assert.deepEqual((await logOf(source)).toSorted(), ['later', 'open', 'pending']);
  assert.equal(isSound(await examineLog(database)), true);
});

test('a repair that runs twice harms nothing', async () => {
  await source.database.query(INSERT, [['a']]);
  await passAll(source);
  await restoreFix(source.database);
  await restoreFix(source.database);
  await source.database.query(INSERT, [['b']]);
  assert.equal(await passAll(source), 'idle');
  assert.deepEqual(await logOf(source), ['a', 'b']);
});
