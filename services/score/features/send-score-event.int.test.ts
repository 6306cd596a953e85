import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventService, ScoreService, type SendScoreEventsResponse } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import type { Bus } from '@tradepost/platform/events';
import type { Client } from '@tradepost/platform/rpc';
import { readOutbox, refusalOf, type TestPlatform, testPlatform } from '@tradepost/platform/testing';
import { user } from '../../user/service.ts';
import { score } from '../service.ts';

let platform: TestPlatform;
let users: Client<typeof UserService>;
let scores: Client<typeof ScoreService>;
let isHeld = false;
let next = 0;

/** Delivers nothing while it is held: a consumer that has not caught up. */
function holdable(bus: Bus): Bus {
  return {
    name: bus.name,
    source(producer) {
      const source = bus.source(producer);
      return {
        ...source,
        subscribe(positions) {
          const inner = source.subscribe(positions);
          return { ...inner, read: async (limit) => (isHeld ? [] : inner.read(limit)) };
        },
      };
    },
  };
}

before(async () => {
  platform = await testPlatform({ services: [user, score], wrapBus: holdable });
  users = platform.client(UserService);
  scores = platform.client(ScoreService);
});
after(() => platform?.close());

async function register(): Promise<bigint> {
  next += 1;
  const { user: created } = await users.createUser({ name: 'Ada', email: `score${next}@example.com` });
  return created?.id ?? assert.fail('nobody was created');
}

const published = async (userId: bigint): Promise<string[]> =>
  (await readOutbox(platform.database('score'), 'score_events'))
    .filter(({ key }) => key === String(userId))
    .map(({ value }) => value);

test('an accepted event is stored once, moves the score, and is published with exactly the documented value', async () => {
  const userId = await register();
  const { status, eventId } = await scores.sendScoreEvent({ userId, newScore: 730, change: 15 });
  assert.equal(status, 'accepted');
  assert.deepEqual(await published(userId), [`{"user_id":${userId},"new_score":730,"change":15}`]);
  const { score: current } = await scores.getScore({ userId });
  assert.deepEqual([current?.score, current?.lastChange, current?.events], [730, 15, 1n]);
  const { data } = await scores.listScoreEvents({ userId });
  assert.deepEqual(
    data.map((event) => [event.eventId, event.userId, event.newScore, event.change]),
    [[eventId, userId, 730, 15]],
  );
});

test('zero and negative changes keep their fields in the published value', async () => {
  const userId = await register();
  await scores.sendScoreEvent({ userId, newScore: 0, change: 0 });
  await scores.sendScoreEvent({ userId, newScore: 2_147_483_647, change: -2_147_483_648 });
  assert.deepEqual(await published(userId), [
    `{"user_id":${userId},"new_score":0,"change":0}`,
    `{"user_id":${userId},"new_score":2147483647,"change":-2147483648}`,
  ]);
});

test('a person without an event has no score, nobody is a refusal', async () => {
  const userId = await register();
  const { score: none } = await scores.getScore({ userId });
  assert.deepEqual([none?.userId, none?.score, none?.events], [userId, undefined, 0n]);
  const nobody = 'NOT_FOUND user_not_found: There is no user 99999.';
  assert.equal(await refusalOf(scores.getScore({ userId: 99_999n })), nobody);
  assert.equal(await refusalOf(scores.sendScoreEvent({ userId: 99_999n, newScore: 1, change: 1 })), nobody);
});

test('the history is everybody’s or one person’s, newest first, in pages', async () => {
  const userId = await register();
  for (const newScore of [1, 2, 3, 4, 5]) await scores.sendScoreEvent({ userId, newScore, change: 1 });
  const first = await scores.listScoreEvents({ userId, limit: 3 });
  const second = await scores.listScoreEvents({ userId, limit: 3, cursor: first.nextCursor });
  assert.deepEqual(
    [...first.data, ...second.data].map(({ newScore }) => newScore),
    [5, 4, 3, 2, 1],
  );
  assert.deepEqual([first.hasMore, second.hasMore, second.nextCursor], [true, false, '']);
  const { data: all } = await scores.listScoreEvents({ limit: 200 });
  assert.equal(all.length > 5, true);
});

test('a person created a moment ago is never refused, though user events have not come through', async () => {
  isHeld = true;
  const ids = await Promise.all(Array.from({ length: 20 }, register));
  const heard = await platform.database('score').query('select 1 from people where user_id = any($1)', [ids]);
  assert.deepEqual(heard, []);
  await Promise.all(ids.map((userId) => scores.sendScoreEvent({ userId, newScore: 700, change: 1 })));
  isHeld = false;
  await platform.settle();
  const known = await platform
    .database('score')
    .query<{ deleted: boolean }>('select deleted from people where user_id = any($1)', [ids]);
  assert.deepEqual(
    known,
    ids.map(() => ({ deleted: false })),
  );
});

test('a deleted person is refused, also when the deletion was heard of before the creation', async () => {
  const userId = await register();
  await scores.sendScoreEvent({ userId, newScore: 700, change: 1 });
  await users.deleteUser({ id: userId });
  await platform.settle();
  const refusal = `NOT_FOUND user_not_found: There is no user ${userId}.`;
  assert.equal(await refusalOf(scores.sendScoreEvent({ userId, newScore: 710, change: 10 })), refusal);
  isHeld = true;
  const fleeting = await register();
  await users.deleteUser({ id: fleeting });
  assert.match(await refusalOf(scores.sendScoreEvent({ userId: fleeting, newScore: 1, change: 1 })), /user_not_found/);
  isHeld = false;
  await platform.settle();
  assert.equal((await published(userId)).length, 1);
  assert.deepEqual(await published(fleeting), []);
});

const shown = ({ results }: SendScoreEventsResponse) =>
  results.map(({ status, code }) => (code === '' ? status : `${status} ${code}`));

test('of many events the good are accepted, the bad refused each for itself, repeats are replayed', async () => {
  const userId = await register();
  const event = (newScore: number, change = 1) => ({ userId, newScore, change });
  const items = [
    { idempotencyKey: 'feed-1', event: event(701) },
    { idempotencyKey: 'feed-2', event: { userId: 99_999n, newScore: 1, change: 1 } },
    { idempotencyKey: 'feed-3', event: event(-1) },
    { idempotencyKey: 'feed-4' },
    { idempotencyKey: 'feed-1', event: event(701) },
    { idempotencyKey: 'feed-1', event: event(999) },
    { event: event(702) },
    { idempotencyKey: 'bad\0key', event: event(703) },
    { idempotencyKey: 'feed-5', event: { userId: 0n, newScore: 1, change: 1 } },
  ];
  const answer = await scores.sendScoreEvents({
    items: items.filter(({ idempotencyKey }) => idempotencyKey !== 'bad\0key'),
  });
  assert.deepEqual(shown(answer), [
    'accepted',
    'refused user_not_found',
    'refused invalid_request',
    'refused event_missing',
    'replayed',
    'refused idempotency_key_reused',
    'accepted',
    'refused invalid_request',
  ]);
  assert.equal(answer.results[4]?.eventId, answer.results[0]?.eventId);
  assert.equal(answer.results[1]?.detail, 'There is no user 99999.');
  assert.match(
    await refusalOf(scores.sendScoreEvents({ items })),
    /^INVALID_ARGUMENT invalid_request: idempotency_key/,
  );
  const again = await scores.sendScoreEvents({ items: items.slice(0, 1) });
  assert.deepEqual([shown(again), again.results[0]?.eventId], [['replayed'], answer.results[0]?.eventId]);
  assert.deepEqual(await published(userId), [
    `{"user_id":${userId},"new_score":701,"change":1}`,
    `{"user_id":${userId},"new_score":702,"change":1}`,
  ]);
});

test('five hundred events go in one call, in their order, and five hundred and one are too many', async () => {
  const userId = await register();
  const items = Array.from({ length: 500 }, (_, newScore) => ({
    idempotencyKey: `bulk-${newScore}`,
    event: { userId, newScore, change: 1 },
  }));
  const { results } = await scores.sendScoreEvents({ items });
  assert.deepEqual(new Set(results.map(({ status }) => status)), new Set(['accepted']));
  const order = (await published(userId)).map((value) => JSON.parse(value).new_score as number);
  assert.deepEqual(
    order,
    items.map((_, place) => place),
  );
  assert.match(
    await refusalOf(scores.sendScoreEvents({ items: [...items, ...items.slice(0, 1)] })),
    /^INVALID_ARGUMENT invalid_request: items must have at most 500 items/,
  );
});

test('a request’s own key stands for its items by their place', async () => {
  const userId = await register();
  const items = [1, 2, 3].map((newScore) => ({ event: { userId, newScore, change: 1 } }));
  const meta = { idempotencyKey: 'request-1' };
  const first = await scores.sendScoreEvents({ items }, { meta });
  const second = await scores.sendScoreEvents({ items }, { meta });
  assert.deepEqual(shown(second), ['replayed', 'replayed', 'replayed']);
  assert.deepEqual(
    second.results.map(({ eventId }) => eventId),
    first.results.map(({ eventId }) => eventId),
  );
  assert.equal((await published(userId)).length, 3);
});

test('a request’s key may have any legal length, and an item’s own key is never taken for a place under it', async () => {
  const userId = await register();
  const items = [1, 2].map((newScore) => ({ event: { userId, newScore, change: 1 } }));
  const meta = { idempotencyKey: 'k'.repeat(255) };
  assert.deepEqual(shown(await scores.sendScoreEvents({ items }, { meta })), ['accepted', 'accepted']);
  assert.deepEqual(shown(await scores.sendScoreEvents({ items }, { meta })), ['replayed', 'replayed']);
  const tooLong = { idempotencyKey: 'k'.repeat(256) };
  assert.match(
    await scores.sendScoreEvents({ items }, { meta: tooLong }).then((answer) => shown(answer).join(), String),
    /invalid_idempotency_key/,
  );
  const own = [{ idempotencyKey: 'abc#1', event: { userId, newScore: 3, change: 1 } }];
  assert.deepEqual(shown(await scores.sendScoreEvents({ items: own })), ['accepted']);
  const places = await scores.sendScoreEvents({ items }, { meta: { idempotencyKey: 'abc' } });
  assert.deepEqual(shown(places), ['accepted', 'accepted']);
});

test('what is refused for now says so, the later events of that person too, and both are accepted again', async () => {
  const [one, other] = [await register(), await register()];
  const send = () =>
    scores.sendScoreEvents({
      items: [one, one, other, 99_999n].map((userId, n) => ({
        ...{ idempotencyKey: `hiccup-${n}`, event: { userId, newScore: n, change: 1 } },
      })),
    });
  const { main } = platform.core.databases.byService.get('score') ?? assert.fail('no database');
  await main.query(`create function busy() returns trigger language plpgsql as
    $$ begin raise exception 'no space left' using errcode = '53100'; end $$`);
  await main.query('create trigger busy before insert on score_events execute function busy()');
  const refused = (await send()).results;
  await main.query('drop trigger busy on score_events; drop function busy()');
  assert.deepEqual(
    refused.map(({ status, code, retryable }) => `${status} ${code} ${retryable}`),
    Array(4).fill('refused database_busy true'),
  );
  const { results } = await send();
  assert.deepEqual(
    results.map(({ status, code, retryable }) => `${status} ${code} ${retryable}`),
    ['accepted  false', 'accepted  false', 'accepted  false', 'refused user_not_found false'],
  );
  assert.deepEqual(
    (await published(one)).map((value) => JSON.parse(value).new_score),
    [0, 1],
  );
});

test('the documented RPC accepts and refuses as ours does', async () => {
  const userId = await register();
  const events = platform.client(EventService);
  const acknowledged = await events.sendScoreEvent({ userId, newScore: 730, change: 15 });
  assert.equal(acknowledged.status, 'accepted');
  assert.deepEqual(await published(userId), [`{"user_id":${userId},"new_score":730,"change":15}`]);
  assert.match(await refusalOf(events.sendScoreEvent({ userId: -1n })), /^INVALID_ARGUMENT invalid_request: user_id/);
  assert.match(await refusalOf(events.sendScoreEvent({ userId: 99_999n })), /^NOT_FOUND user_not_found/);
});

test('events of one person that arrive at once are all kept, and the last in order is the score', async () => {
  const userId = await register();
  await Promise.all(
    Array.from({ length: 100 }, (_, newScore) => scores.sendScoreEvent({ userId, newScore, change: 1 })),
  );
  const values = (await published(userId)).map((value) => JSON.parse(value).new_score as number);
  assert.deepEqual(
    values.toSorted((a, b) => a - b),
    Array.from({ length: 100 }, (_, n) => n),
  );
  const { score: current } = await scores.getScore({ userId });
  assert.deepEqual([current?.score, current?.events], [values.at(-1), 100n]);
  const { data } = await scores.listScoreEvents({ userId, limit: 200 });
  assert.deepEqual(data.map(({ newScore }) => newScore).toReversed(), values);
});
