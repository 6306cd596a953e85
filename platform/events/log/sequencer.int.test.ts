import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { events } from '@tradepost/contracts/events';
import { createTestDatabase, silentLog, type TestDatabase } from '../../testing/index.ts';
import { systemClock } from '../../time/index.ts';
import { createTransactions, partOfKey } from '../index.ts';
import { openLogReader, startSequencer } from './index.ts';

const cause = { requestId: 'request-1', correlationId: 'correlation-1' };
let testDatabase: TestDatabase;

before(async () => {
  testDatabase = await createTestDatabase({ service: 'score' });
});
after(() => testDatabase.close());

test('a published event is in the log soon after its commit, with its envelope and exact value', async () => {
  const { database } = testDatabase;
  const sequencer = startSequencer({ database, clock: systemClock, log: silentLog });
  const reader = openLogReader({ database, advances: sequencer });
  const advanced = new Promise<void>((resolve) => reader.onAdvance(resolve));
  const transactions = createTransactions({
    database,
    config: {},
    clock: systemClock,
    log: silentLog,
    service: 'score',
    onCommitted: sequencer.poke,
  });
  await transactions.run(async (tx) => {
    tx.publish(events.ScoreEventAccepted, { userId: 42n, newScore: 730, change: 15 }, cause);
    tx.publish(events.ScoreEventAccepted, { userId: 42n, newScore: 731, change: 1 }, cause);
  });
  await advanced;
  const part = partOfKey('42', 8);
  const heads = await reader.heads(['score_events']);
  assert.deepEqual(heads, [{ topic: 'score_events', part, head: 2n, firstRetained: 1n }]);
  const records = await reader.read([{ topic: 'score_events', part, after: 0n }], 10);
  assert.deepEqual(
    records.map((record) => Buffer.from(record.value).toString()),
    ['{"user_id":42,"new_score":730,"change":15}', '{"user_id":42,"new_score":731,"change":1}'],
  );
  const [first] = records;
  assert.equal(first?.sequence, 1n);
  assert.equal(first?.key, '42');
  assert.equal(first?.producer, 'score');
  assert.equal(first?.type, 'tradepost.score.v1.ScoreEventAccepted');
  assert.equal(first?.requestId, 'request-1');
  assert.equal(first?.incarnation, await reader.incarnation());
  await sequencer.close();
});
