// What must not compile: publishing an event that no proto declares, consuming one, or giving one the wrong payload.
// `tsc` runs over this file, and an `@ts-expect-error` above a line that compiles is itself an error.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events } from '@tradepost/contracts/events';
import { type Cause, reaction, type Transaction } from '@tradepost/platform/service';

const cause: Cause = { requestId: 'r', correlationId: 'c' };
const apply = async (): Promise<void> => {};

function publishing(tx: Transaction): void {
  tx.publish(events.UserDeleted, { id: 1n }, cause);
  // @ts-expect-error no proto declares this event
  tx.publish(events.UserPromoted, { id: 1n }, cause);
  // @ts-expect-error a declaration is made by the generated catalogue alone
  tx.publish({ name: 'UserPromoted', topic: 'users', payload: events.UserCreated.payload }, { id: 1n }, cause);
  // @ts-expect-error the payload of this event has no such field
  tx.publish(events.UserDeleted, { customerId: 1n }, cause);
  // @ts-expect-error an id is a bigint
  tx.publish(events.UserDeleted, { id: 1 }, cause);
}

function consuming(): unknown[] {
  return [
    reaction({ name: 'a.known', on: [events.UserDeleted], apply }),
    // @ts-expect-error no proto declares this event
    reaction({ name: 'a.unknown', on: [events.UserPromoted], apply }),
    // @ts-expect-error a topic's name is not an event
    reaction({ name: 'a.topic', on: ['user-deleted_v1'], apply }),
    reaction({
      name: 'a.payload',
      on: [events.UserDeleted],
      apply: async (messages) => {
        // @ts-expect-error the value of this event has no such field
        for (const message of messages) message.value.customerId;
      },
    }),
  ];
}

test('the catalogue holds the declared events and no other', () => {
  assert.equal(publishing.length + consuming.length, 1);
  assert.equal('UserPromoted' in events, false);
  assert.equal(events.UserDeleted.topic, 'user-deleted_v1');
});
