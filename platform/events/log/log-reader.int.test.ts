import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../testing/index.ts';
import { findRecord, LogHoleError, lastRecords, openLogReader, runPass } from './index.ts';

let testDatabase: TestDatabase;

before(async () => {
  testDatabase = await createTestDatabase();
  await testDatabase.database.query(`
    insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
    select case when n <= 900 then 'busy' else 'quiet' end, n % 2, 'key-' || n % 10, gen_random_uuid(), 'x', now(),
      'r', 'c', convert_to(n::text, 'UTF8')
    from generate_series(1, 1000) n`);
  await runPass(testDatabase.database, 0n, 5000);
});
after(() => testDatabase.close());

const reader = () => openLogReader({ database: testDatabase.database });
const place = (record: { topic: string; part: number; sequence: bigint }) =>
  `${record.topic}/${record.part}/${record.sequence}`;

test('many partitions are read in one go, in order, and a backlog in one leaves room for the others', async () => {
  const positions = [
    { topic: 'busy', part: 0, after: 0n },
    { topic: 'busy', part: 1, after: 440n },
    { topic: 'quiet', part: 0, after: 48n },
    { topic: 'quiet', part: 1, after: 50n },
    { topic: 'unknown', part: 3, after: 0n },
  ];
  const records = await reader().read(positions, 9);
  assert.deepEqual(records.map(place), [
    'busy/0/1',
    'busy/0/2',
    'busy/0/3',
    'busy/0/4',
    'busy/1/441',
    'busy/1/442',
    'busy/1/443',
    'quiet/0/49',
    'quiet/0/50',
  ]);
  assert.deepEqual(await reader().read([], 10), []);
});

test('reading batch by batch gives every record once', async () => {
  const seen = new Set<string>();
  let positions = [0, 1].map((part) => ({ topic: 'busy', part, after: 0n }));
  for (;;) {
    const records = await reader().read(positions, 70);
    if (records.length === 0) break;
    assert.ok(records.length <= 70);
    for (const record of records) {
      seen.add(Buffer.from(record.value).toString());
      positions = positions.map((at) => (at.part === record.part ? { ...at, after: record.sequence } : at));
    }
  }
  assert.equal(seen.size, 900);
});

test('a record is found by its id, and the last of a topic or of a key in their order', async () => {
  const { database } = testDatabase;
  const last = await lastRecords(database, { topic: 'quiet', limit: 3 });
  assert.deepEqual(
    last.map(({ value }) => Buffer.from(value).toString()),
    ['998', '999', '1000'],
  );
  const ofKey = await lastRecords(database, { topic: 'quiet', key: 'key-7', limit: 2 });
  assert.deepEqual(
    ofKey.map(({ value }) => Buffer.from(value).toString()),
    ['987', '997'],
  );
  assert.deepEqual(await findRecord(database, ofKey[0]?.id ?? ''), ofKey[0]);
  assert.equal(await findRecord(database, '0190b5a0-0000-7000-8000-000000000000'), undefined);
});

test('a hole in the log is an error, and nothing behind it is handed out', async () => {
  const { database } = testDatabase;
  await database.query(`delete from tradepost.log where topic = 'quiet' and part = 1 and sequence = 20`);
  await assert.rejects(
    reader().read([{ topic: 'quiet', part: 1, after: 10n }], 100),
    (error) => error instanceof LogHoleError && /lacks quiet\/1 20: 21 came instead/.test(error.message),
  );
  assert.equal((await reader().read([{ topic: 'quiet', part: 1, after: 10n }], 9)).length, 9);
});
