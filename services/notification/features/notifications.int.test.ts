import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { NotificationService } from '@tradepost/contracts/notification';
import { ScoreService } from '@tradepost/contracts/score';
import { type BatchGetUsersRequest, UserService } from '@tradepost/contracts/user';
import type { Client } from '@tradepost/platform/rpc';
import type { AnyHandler, CallContext, CallMeta, Implementation, ServiceDefinition } from '@tradepost/platform/service';
import { readOutbox, refusalOf, type TestPlatform, testPlatform } from '@tradepost/platform/testing';
import { delivery } from '../../delivery/service.ts';
import { score } from '../../score/service.ts';
import { user } from '../../user/service.ts';
import { notification } from '../service.ts';

let platform: TestPlatform;
let users: Client<typeof UserService>;
let scores: Client<typeof ScoreService>;
let notifications: Client<typeof NotificationService>;
/** What the notification service asks the user service: the method, and how many people at once. */
const asked: string[] = [];

/** Writes down who is asked for by the notification service. */
function watched(service: ServiceDefinition): ServiceDefinition {
  const watch = (name: string, handler: AnyHandler): AnyHandler =>
    handler.kind !== 'query'
      ? handler
      : {
          ...handler,
          run: (request: unknown, context: CallContext, meta: CallMeta) => {
            if (meta.caller.kind === 'service' && meta.caller.name === 'notification') {
              asked.push(`${name} ${(request as BatchGetUsersRequest).requests?.length ?? 1}`);
            }
            return handler.run(request as never, context, meta);
          },
        };
  const rpc = service.rpc.map(
    ({ service: described, handlers }): Implementation => ({
      service: described,
      handlers: Object.fromEntries(Object.entries(handlers).map(([name, one]) => [name, watch(name, one)])),
    }),
  );
  return { ...service, rpc };
}

before(async () => {
  platform = await testPlatform({ services: [watched(user), score, notification, delivery] });
  users = platform.client(UserService);
  scores = platform.client(ScoreService);
  notifications = platform.client(NotificationService);
});
after(() => platform?.close());

async function register(email: string): Promise<bigint> {
  const { user: created } = await users.createUser({ name: 'Ada', email });
  return created?.id ?? assert.fail('nobody was created');
}

const requested = async (userId: bigint): Promise<string[]> =>
  (await readOutbox(platform.database('notification'), 'notifications'))
    .filter(({ key }) => key === String(userId))
    .map(({ value }) => value);

test('more than ten points up is told, everything else is stored in silence', async () => {
  const userId = await register('rule@example.com');
  for (const change of [11, 10, 1, 0, -1, -15, 2_147_483_647, -2_147_483_648]) {
    await scores.sendScoreEvent({ userId, newScore: 700, change });
  }
  await platform.settle();
  const { data } = await notifications.listNotifications({ userId });
  assert.deepEqual(
    data
      .map(({ message, scoreChange, status, reason }) => `${scoreChange}: ${message} [${status} ${reason}]`)
      .toReversed(),
    [
      '11: Your score increased by 11 points! [sent ]',
      '10: Your score changed by 10 points [not_sent silent]',
      '1: Your score changed by 1 points [not_sent silent]',
      '0: Your score changed by 0 points [not_sent silent]',
      '-1: Your score changed by -1 points [not_sent silent]',
      '-15: Your score changed by -15 points [not_sent silent]',
      '2147483647: Your score increased by 2147483647 points! [sent ]',
      '-2147483648: Your score changed by -2147483648 points [not_sent silent]',
    ],
  );
});

test('what is told goes out on notifications with exactly the documented value, and only that', async () => {
  const userId = await register('value@example.com');
  await scores.sendScoreEvent({ userId, newScore: 730, change: 15 });
  await scores.sendScoreEvent({ userId, newScore: 735, change: 5 });
  await platform.settle();
  const { data } = await notifications.listNotifications({ userId });
  const { id } = data[1] ?? assert.fail('no notification');
  const values = await requested(userId);
  const at = /"created_at":"([^"]+)"/.exec(values[0] ?? '')?.[1];
  assert.deepEqual(values, [
    `{"notification_id":${id},"user_id":${userId},"message":"Your score increased by 15 points!",` +
      `"score_change":15,"created_at":"${at}"}`,
  ]);
  const { notification: one } = await notifications.getNotification({ id });
  assert.deepEqual(one, data[1]);
});

test('people are looked up in batches, never one by one, and only for what may be told', async () => {
  const ids = await Promise.all(Array.from({ length: 300 }, (_, n) => register(`batch${n}@example.com`)));
  await platform.settle();
  asked.length = 0;
  await scores.sendScoreEvents({ items: ids.map((userId) => ({ event: { userId, newScore: 700, change: 12 } })) });
  await platform.settle();
  const lookups = asked.filter((call) => call.startsWith('batchGetUsers '));
  assert.deepEqual(lookups, asked);
  const people = lookups.reduce((sum, call) => sum + Number(call.split(' ')[1]), 0);
  assert.equal(people, 300);
  assert.equal(lookups.length <= 12, true, `${lookups}`);
  asked.length = 0;
  await scores.sendScoreEvents({ items: ids.map((userId) => ({ event: { userId, newScore: 700, change: 10 } })) });
  await platform.settle();
  assert.deepEqual(asked, []);
});

test('a person deleted in the meantime is told nothing, with the reason', async () => {
  const userId = await register('leaving@example.com');
  await scores.sendScoreEvent({ userId, newScore: 700, change: 1 });
  await platform.settle();
  await Promise.all([
    users.deleteUser({ id: userId }),
    scores.sendScoreEvent({ userId, newScore: 720, change: 20 }).catch(() => undefined),
  ]);
  await platform.settle();
  const { data } = await notifications.listNotifications({ userId });
  const [latest] = data;
  // Either the deletion was there first, or the event; never a mail to nobody.
  if (data.length === 2) assert.match(`${latest?.status} ${latest?.reason}`, /^(sent |not_sent no_address)$/);
  else assert.equal(data.length, 1);
});

test('one notification an event, in the order of the events', async () => {
  const ids = await Promise.all([1, 2, 3, 4].map((n) => register(`order${n}@example.com`)));
  await Promise.all(
    ids.flatMap((userId) =>
      Array.from({ length: 50 }, (_, n) => scores.sendScoreEvent({ userId, newScore: n, change: n - 25 })),
    ),
  );
  await platform.settle();
  for (const userId of ids) {
    const events = (await readOutbox(platform.database('score'), 'score_events')).filter(
      ({ key }) => key === String(userId),
    );
    const { data } = await notifications.listNotifications({ userId, limit: 200 });
    assert.deepEqual(
      data.map(({ scoreChange }) => scoreChange).toReversed(),
      events.map(({ value }) => JSON.parse(value).change as number),
    );
  }
});

test('a notification is created by request, once a key, and nobody cannot be told', async () => {
  const userId = await register('request@example.com');
  const meta = { idempotencyKey: 'notify-1' };
  const body = { userId, message: 'Welcome aboard', scoreChange: 0 };
  const { notification: created } = await notifications.createNotification(body, { meta });
  assert.deepEqual(await notifications.createNotification(body, { meta }), { ...(await answerOf(created?.id ?? 0n)) });
  assert.deepEqual(
    [created?.userId, created?.message, created?.scoreChange, created?.status],
    [userId, 'Welcome aboard', 0, 'queued'],
  );
  assert.equal((await requested(userId)).length, 1);
  assert.equal(
    await refusalOf(notifications.createNotification({ userId: 99_999n, message: 'Hello' })),
    'NOT_FOUND user_not_found: There is no user 99999.',
  );
  assert.match(
    await refusalOf(notifications.createNotification({ userId, message: '' })),
    /^INVALID_ARGUMENT invalid_request: message must not be empty/,
  );
  assert.equal(
    await refusalOf(notifications.getNotification({ id: 99_999n })),
    'NOT_FOUND notification_not_found: There is no notification 99999.',
  );
});

async function answerOf(id: bigint) {
  const { notification: found } = await notifications.getNotification({ id });
  return { $typeName: 'tradepost.notification.v1.CreateNotificationResponse', notification: found };
}
