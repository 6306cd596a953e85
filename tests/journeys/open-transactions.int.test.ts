// Transactions that stay open, here and in another database of the cluster, hold back nobody else's events; what they
// wrote is delivered once they commit, however late.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ScoreService } from '@tradepost/contracts/score';
import type { Database } from '@tradepost/platform/db';
import { createTestDatabase, type TestPlatform } from '@tradepost/platform/testing';
import { acceptedByPerson, assertWhole, changesByPerson, registerPeople, startSpine } from './spine.ts';

const EVENTS_AROUND = 200;
let platform: TestPlatform;

before(async () => {
  platform = await startSpine();
});
after(() => platform?.close());

interface OpenTransaction {
  commit(): Promise<void>;
}

/** Begins a transaction, runs the statement, and leaves it open. */
async function leaveOpen(database: Database, statement: string, params: readonly unknown[]): Promise<OpenTransaction> {
  const written = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const done = database.transaction(async (tx) => {
    await tx.query(statement, params);
    written.resolve();
    await released.promise;
  });
  done.catch(written.reject);
  await written.promise;
  return {
    async commit() {
      released.resolve();
      await done;
    },
  };
}

const INSERT_EVENT = `
  with event as (
    insert into score_events (event_id, user_id, new_score, change, created_at)
    values (nextval('score_event_ids'), $1::bigint, 700, 5, now()) returning user_id
  )
  insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
  select 'score_events', 0, user_id::text, gen_random_uuid(), 'tradepost.score.v1.ScoreEventAccepted', now(), 'late',
    'late', convert_to('{"user_id":' || user_id || ',"new_score":700,"change":5}', 'UTF8')
  from event`;

test('an open transaction with an event holds back nobody; its event comes once it commits', async (t) => {
  const people = await registerPeople(platform, 5);
  const [late, ...others] = people as [bigint, ...bigint[]];
  const { main: own } = platform.core.databases.byService.get('score') ?? assert.fail('no database');
  const neighbour = await createTestDatabase({ service: 'neighbour' });
  t.after(() => neighbour.close());

  const here = await leaveOpen(own, INSERT_EVENT, [late]);
  const there = await leaveOpen(
    neighbour.database,
    `insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
     values ('x', 0, $1, gen_random_uuid(), 'x', now(), 'x', 'x', ''::bytea)`,
    ['x'],
  );
  const startedMs = performance.now();
  const scores = platform.client(ScoreService);
  for (let n = 0; n < EVENTS_AROUND; n += 20) {
    const items = Array.from({ length: 20 }, (_, place) => ({
      event: { userId: others[place % others.length] as bigint, newScore: 700, change: (n + place) % 15 },
    }));
    await scores.sendScoreEvents({ items });
  }
  await platform.settle();
  const waitedMs = performance.now() - startedMs;
  const notified = await changesByPerson(platform.database('notification'));
  assert.equal([...notified.values()].flat().length, EVENTS_AROUND);
  assert.deepEqual(notified, await acceptedByPerson(platform.database('score')));
  assert.equal(waitedMs < 15_000, true);
  assert.equal(notified.has(String(late)), false);

  await here.commit();
  await there.commit();
  await platform.settle();
  assert.deepEqual((await changesByPerson(platform.database('notification'))).get(String(late)), [5]);
  await assertWhole(platform);
});

test('what an open transaction rolls back is delivered to nobody', async () => {
  const { main } = platform.core.databases.byService.get('score') ?? assert.fail('no database');
  const before = (await changesByPerson(platform.database('notification'))).size;
  await assert.rejects(
    main.transaction(async (tx) => {
      await tx.query(INSERT_EVENT, [777_777n]);
      throw new Error('changed its mind');
    }),
    /changed its mind/,
  );
  await platform.settle();
  assert.equal((await changesByPerson(platform.database('notification'))).size, before);
});
