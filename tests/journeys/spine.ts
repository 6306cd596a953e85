// What the journeys share: the services, people, and what must be true of all notifications when everything is at rest.
import assert from 'node:assert/strict';
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import type { Queryable } from '@tradepost/platform/db';
import { type TestPlatform, type TestPlatformOptions, testPlatform } from '@tradepost/platform/testing';
import { topology } from '../../deploy/topology.ts';

export const services = topology.map(({ service }) => service);

export const startSpine = (options: Omit<TestPlatformOptions, 'services'> = {}): Promise<TestPlatform> =>
  testPlatform({ ...options, services });

/** @returns ids of new people. */
export async function registerPeople(platform: TestPlatform, count: number): Promise<bigint[]> {
  const users = platform.client(UserService);
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const { user } = await users.createUser({ name: `Person ${n}`, email: `person${n}@example.com` });
      return user?.id ?? assert.fail('nobody was created');
    }),
  );
}

/** Sends each person `rounds` events in order, in one request a round. The changes count up from 1. */
export async function sendRounds(platform: TestPlatform, people: readonly bigint[], rounds: number): Promise<void> {
  const scores = platform.client(ScoreService);
  for (let round = 1; round <= rounds; round += 1) {
    for (let start = 0; start < people.length; start += 500) {
      const items = people.slice(start, start + 500).map((userId) => ({
        idempotencyKey: `round-${round}-${userId}`,
        event: { userId, newScore: 700 + round, change: round },
      }));
      const { results } = await scores.sendScoreEvents({ items });
      assert.deepEqual(new Set(results.map(({ status }) => status)), new Set(['accepted']));
    }
  }
}

/** The changes that each person was notified of, in the order of the notifications. */
export async function changesByPerson(notifications: Queryable): Promise<Map<string, number[]>> {
  const rows = await notifications.query<{ user_id: bigint; changes: number[] }>(
    'select user_id, array_agg(score_change order by id) as changes from notifications group by user_id',
  );
  return new Map(rows.map((row) => [String(row.user_id), row.changes]));
}

/** The changes that were accepted for each person, in the order of the log. */
export async function acceptedByPerson(scores: Queryable): Promise<Map<string, number[]>> {
  const rows = await scores.query<{ user_id: bigint; changes: number[] }>(
    'select user_id, array_agg(change order by event_id) as changes from score_events group by user_id',
  );
  return new Map(rows.map((row) => [String(row.user_id), row.changes]));
}

/** One notification an accepted event, in order per person; a mail for each that is above ten points, once. */
export async function assertWhole(platform: TestPlatform): Promise<void> {
  const accepted = await acceptedByPerson(platform.database('score'));
  const notified = await changesByPerson(platform.database('notification'));
  for (const [person, changes] of accepted) assert.deepEqual(notified.get(person), changes, `person ${person}`);
  assert.equal(notified.size, accepted.size);
  const mails = await platform.database('delivery').query<{ n: bigint; of: bigint; sent: bigint }>(
    `select count(*) as n, count(distinct notification_id) as of, count(*) filter (where status = 'sent') as sent
       from emails`,
  );
  const loud = BigInt([...accepted.values()].flat().filter((change) => change > 10).length);
  assert.deepEqual(mails, [{ n: loud, of: loud, sent: loud }]);
}
