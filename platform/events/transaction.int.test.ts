import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { events } from '@tradepost/contracts/events';
import type { Queryable } from '../db/index.ts';
import { effect } from '../service/index.ts';
import { createTestDatabase, silentLog, type TestDatabase } from '../testing/index.ts';
import { systemClock } from '../time/index.ts';
import { type BufferedIntent, createTransactions, InvalidEventError, MAX_VALUE_BYTES, partOfKey } from './index.ts';
import { ensurePartitions } from './log/index.ts';

const cause = { requestId: 'r-1', correlationId: 'c-1', causationId: 'e-0', traceparent: '00-aa-bb-01' };
const now = new Date('2026-11-21T10:00:00.123Z');
const written: { events: number; intents: number }[] = [];
const intents: BufferedIntent[] = [];
let testDatabase: TestDatabase;

before(async () => {
  testDatabase = await createTestDatabase({ service: 'score' });
});
after(() => testDatabase.close());
beforeEach(async () => {
  written.length = 0;
  intents.length = 0;
  await testDatabase.database.query('delete from tradepost.outbox');
});

function transactionsOf(service: string, partitionRows?: number) {
  return createTransactions({
    database: testDatabase.database,
    config: { limit: 3 },
    clock: { ...systemClock, now: () => now },
    log: silentLog,
    service,
    onCommitted: (facts) => written.push(facts),
    insertIntents: async (_sql: Queryable, rows) => void intents.push(...rows),
    ...(partitionRows === undefined ? {} : { partitionRows }),
  });
}

interface Stored {
  topic: string;
  part: number;
  key: string;
  type: string;
  id: string;
  occurred_at: Date;
  request_id: string;
  correlation_id: string;
  causation_id: string;
  traceparent: string;
  value: Buffer;
}

const outbox = () => testDatabase.database.query<Stored>('select * from tradepost.outbox order by seq');

test('an event is stored with its key, partition, cause, domain time and exact value', async () => {
  const result = await transactionsOf('score').run(async (tx) => {
    assert.deepEqual([tx.config.limit, tx.now], [3, now]);
    tx.publish(events.ScoreEventAccepted, { userId: 9007199254740993n, newScore: 0, change: -1 }, cause);
    return 'answer';
  });
  assert.equal(result, 'answer');
  const [row] = await outbox();
  assert.deepEqual(
    { ...row, id: undefined, txid: undefined, seq: undefined, value: row?.value.toString() },
    {
      id: undefined,
      txid: undefined,
      seq: undefined,
      topic: 'score_events',
      part: partOfKey('9007199254740993', 8),
      key: '9007199254740993',
      type: 'tradepost.score.v1.ScoreEventAccepted',
      occurred_at: now,
      request_id: 'r-1',
      correlation_id: 'c-1',
      causation_id: 'e-0',
      traceparent: '00-aa-bb-01',
      origin: null,
      value: '{"user_id":"9007199254740993","new_score":0,"change":-1}',
    },
  );
  assert.match(row?.id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.deepEqual(written, [{ events: 1, intents: 0 }]);
});

test('events of a body keep their order, and nothing is written when the body throws', async () => {
  const transactions = transactionsOf('score');
  await transactions.run(async (tx) => {
    for (const change of [1, 2, 3]) tx.publish(events.ScoreEventAccepted, { userId: 1n, newScore: 5, change }, cause);
  });
  const publishAndFail = transactions.run(async (tx) => {
    tx.publish(events.ScoreEventAccepted, { userId: 1n, newScore: 5, change: 4 }, cause);
    throw new Error('the domain says no');
  });
  await assert.rejects(publishAndFail, { message: 'the domain says no' });
  const values = (await outbox()).map(({ value }) => JSON.parse(value.toString()).change);
  assert.deepEqual(values, [1, 2, 3]);
  assert.deepEqual(written, [{ events: 3, intents: 0 }]);
});

test('the type stands in front of the value where a topic carries several', async () => {
  const typed = { ...events.ScoreEventAccepted, eventType: 'score_accepted' } as typeof events.ScoreEventAccepted;
  await transactionsOf('score').run(async (tx) => tx.publish(typed, { userId: 42n, newScore: 730, change: 15 }, cause));
  const [row] = await outbox();
  assert.equal(row?.value.toString(), '{"event_type":"score_accepted","user_id":42,"new_score":730,"change":15}');
});

test("a payload that breaks its schema, is too large, has no key or is another service's fails the transaction", async () => {
  const publishing = (publish: Parameters<ReturnType<typeof transactionsOf>['run']>[0], service = 'score') =>
    transactionsOf(service).run(publish);
  await assert.rejects(
    publishing(async (tx) => tx.publish(events.ScoreEventAccepted, { userId: 0n, newScore: 1, change: 1 }, cause)),
    (error) =>
      error instanceof InvalidEventError && /ScoreEventAccepted breaks its schema: .*user_id/.test(error.message),
  );
  await assert.rejects(
    publishing(async (tx) => tx.publish(events.UserCreated, { id: 1n }, cause)),
    { name: 'InvalidEventError', message: "UserCreated is user's, not score's." },
  );
  await assert.rejects(
    publishing(
      async (tx) => tx.publish(events.MessageBounced, { userId: 1n, reason: 'x'.repeat(MAX_VALUE_BYTES) }, cause),
      'delivery',
    ),
    { name: 'InvalidEventError', message: /^MessageBounced has 786\d{3} bytes; a value may have 786432\.$/ },
  );
  const keyless = { ...events.MessageBounced, keyField: events.MessageBounced.payload.field.reason };
  await assert.rejects(
    publishing(async (tx) => tx.publish(keyless as typeof events.MessageBounced, { userId: 1n }, cause), 'delivery'),
    { name: 'InvalidEventError', message: 'MessageBounced has no value in its key field reason.' },
  );
  assert.deepEqual(await outbox(), []);
  assert.deepEqual(written, []);
});

test('what is published after the body has ended is refused', async () => {
  let escaped: (() => void) | undefined;
  await transactionsOf('score').run(async (tx) => {
    escaped = () => tx.publish(events.ScoreEventAccepted, { userId: 1n, newScore: 1, change: 1 }, cause);
  });
  assert.throws(() => escaped?.(), /has ended/);
});

test('intents are handed over in order, in the transaction, with what they need', async () => {
  const sendMail = effect<{ to: string }>({
    name: 'test.send-mail',
    perform: async () => ({ outcome: 'done', result: undefined }),
    record: async () => {},
  });
  await transactionsOf('score').run(async (tx) => {
    tx.intend(sendMail, { to: 'ada' }, { key: 'ada', cause });
    tx.intend(sendMail, { to: 'bob' }, { key: 'bob', cause, notBefore: now });
  });
  assert.deepEqual(intents, [
    { effect: 'test.send-mail', key: 'ada', intent: { to: 'ada' }, cause, createdAt: now },
    { effect: 'test.send-mail', key: 'bob', intent: { to: 'bob' }, cause, createdAt: now, notBefore: now },
  ]);
  assert.deepEqual(written, [{ events: 0, intents: 2 }]);
});

test('a producer that outruns the partitions makes one and goes on', async () => {
  const { database } = testDatabase;
  await database.query(`select setval('tradepost.outbox_seq', 999999)`);
  await ensurePartitions(database, 10);
  await database.query(`select setval('tradepost.outbox_seq', (select max(to_seq) from tradepost.outbox_partitions))`);
  let runs = 0;
  await transactionsOf('score', 10).run(async (tx) => {
    runs += 1;
    tx.publish(events.ScoreEventAccepted, { userId: 1n, newScore: 1, change: runs }, cause);
  });
  assert.equal(runs, 2);
  assert.equal((await outbox()).length, 1);
  assert.deepEqual(written, [{ events: 1, intents: 0 }]);
});

test('a payload may be given as a message that was read elsewhere', async () => {
  const schema = events.ScoreEventAccepted.payload;
  const read = fromBinary(schema, toBinary(schema, create(schema, { userId: 7n, newScore: 1, change: 2 })));
  await transactionsOf('score').run(async (tx) => tx.publish(events.ScoreEventAccepted, read, cause));
  assert.equal((await outbox())[0]?.value.toString(), '{"user_id":7,"new_score":1,"change":2}');
});
