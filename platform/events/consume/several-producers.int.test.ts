import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { events } from '@tradepost/contracts/events';
import { type Reaction, reaction } from '../../service/index.ts';
import { createTestDatabase, silentLog, type TestDatabase } from '../../testing/index.ts';
import { systemClock } from '../../time/index.ts';
import { createEmbeddedBus } from '../bus.ts';
import { openLogReader, type Sequencer, startSequencer } from '../log/index.ts';
import { createTransactions } from '../transaction.ts';
import { readCursor } from './cursor-store.ts';
import { eventually, startTestConsumer } from './test-pipeline.ts';

const { MessageBounced, MessageSent, UserCreated, UserDeleted, UserUpdated } = events;
const cause = { requestId: 'request-1', correlationId: 'correlation-1' };
const shared = { config: {}, clock: systemClock, log: silentLog };

let databases: TestDatabase[];
let sequencers: Sequencer[];

before(async () => {
  databases = await Promise.all(['user', 'delivery', 'notification'].map((service) => createTestDatabase({ service })));
  sequencers = databases.slice(0, 2).map(({ database }) => startSequencer({ ...shared, database }));
});
after(async () => {
  await Promise.all(sequencers.map((sequencer) => sequencer.close()));
  await Promise.all(databases.map((database) => database.close()));
});

test('a reaction on several producers has a runner each, and other types of a topic only move its cursor', async () => {
  const [user, delivery, notification] = databases as [TestDatabase, TestDatabase, TestDatabase];
  const readers = [user, delivery].map(({ database }, index) => {
    const reader = openLogReader({ database, advances: sequencers[index] as Sequencer });
    return [reader.producer, reader] as const;
  });
  const seen: string[] = [];
  const running = startTestConsumer(notification, createEmbeddedBus(new Map(readers)), {
    reaction: reaction({
      name: 'notification.people',
      on: [UserCreated, UserDeleted, MessageSent],
      async apply(messages) {
        for (const { event, key, cause: from, id } of messages) {
          seen.push(`${event.name} ${key}`);
          assert.equal(from.causationId, id);
          assert.equal(from.correlationId, 'correlation-1');
        }
      },
    }) as unknown as Partial<Reaction<typeof events.ScoreEventAccepted>>,
  });
  const publishing = [user, delivery].map(({ database }, index) =>
    createTransactions({
      ...shared,
      database,
      service: database.service,
      onCommitted: () => (sequencers[index] as Sequencer).poke(),
    }),
  );
  await publishing[0]?.run(async (tx) => {
    const person = { id: 7n, name: 'Ada', email: 'ada@example.com' };
    tx.publish(UserCreated, person, cause);
    tx.publish(UserUpdated, person, cause);
    tx.publish(UserDeleted, person, cause);
  });
  await publishing[1]?.run(async (tx) => {
    const letter = { emailId: 1n, notificationId: 1n, userId: 7n, channel: 'email' };
    tx.publish(MessageBounced, letter, cause);
    tx.publish(MessageSent, letter, cause);
    tx.publish(MessageBounced, letter, cause);
  });
  await eventually(
    async () => seen.length === 3 && (await running.consumer.backlog()).behind === 0n,
    () => running.consumer.status(),
  );
  assert.deepEqual([...seen].sort(), ['MessageSent 7', 'UserCreated 7', 'UserDeleted 7']);
  const { runners } = running.consumer.status();
  assert.deepEqual(
    runners.map(({ producer, applied }) => [producer, applied]),
    [
      ['user', 2n],
      ['delivery', 1n],
    ],
  );
  const cursor = await readCursor(notification.database, { consumer: 'notification.people', producer: 'delivery' });
  const moved = cursor?.partitions.filter(({ after: sequence }) => sequence > 0n);
  assert.deepEqual(
    moved?.map(({ topic, after: sequence }) => [topic, sequence]),
    [['delivery_events', 3n]],
  );
  await running.close();
});
