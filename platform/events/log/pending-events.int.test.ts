import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { withConnection } from '../../db/index.ts';
import { createTestDatabase, type TestDatabase } from '../../testing/index.ts';
import { readPending, runPass } from './index.ts';

let testDatabase: TestDatabase;

before(async () => {
  testDatabase = await createTestDatabase();
});
after(() => testDatabase.close());

const INSERT = `
  insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
  select 't', 0, n::text, gen_random_uuid(), 'x', timestamptz '2026-11-21T10:00:00Z' + n * interval '1 second',
    '', '', '{}'
  from generate_series(1, $1::int) n`;

test('what waits is counted with its oldest, before, while and after a backlog is taken', async () => {
  const { database, url } = testDatabase;
  assert.deepEqual(await readPending(database), { count: 0n, oldestAt: undefined });
  await withConnection(url, async (late) => {
    await late.query('begin');
    await late.query(INSERT, [1]);
    await database.query(INSERT, [10]);
    assert.deepEqual(await readPending(database), { count: 10n, oldestAt: new Date('2026-11-21T10:00:01Z') });
    await runPass(database, 0n, 4);
    assert.deepEqual(await readPending(database), { count: 6n, oldestAt: new Date('2026-11-21T10:00:05Z') });
    await database.query(INSERT, [2]);
    assert.equal((await readPending(database)).count, 8n);
    while ((await runPass(database, 0n, 4)).outcome === 'logged');
    assert.equal((await readPending(database)).count, 0n);
    await late.query('commit');
  });
  assert.equal((await readPending(database)).count, 1n);
  await runPass(database, 0n, 4);
  assert.equal((await readPending(database)).count, 0n);
});
