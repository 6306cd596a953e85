import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import {
  type Client,
  createClients,
  createDispatcher,
  createGrpcServer,
  createGrpcTransport,
  createLocalTransport,
} from '@tradepost/platform/rpc';
import { createLogger } from '@tradepost/platform/telemetry';
import { readOutbox, type TestPlatform, testPlatform } from '@tradepost/platform/testing';
import { user } from '../../user/service.ts';
import { score } from '../service.ts';

const log = createLogger({ level: 'error', format: 'json' });
let platform: TestPlatform;
let feed: Client<typeof ScoreService>;
const closers: (() => unknown)[] = [];

before(async () => {
  platform = await testPlatform({ services: [user, score] });
  closers.push(() => platform.close());
  const server = createGrpcServer({ dispatcher: platform.core.dispatcher, log });
  const port = await server.listen('127.0.0.1:0');
  closers.push(() => server.close());
  const transport = createGrpcTransport({ address: `127.0.0.1:${port}` });
  closers.push(() => transport.close());
  const dispatcher = createDispatcher({ log });
  const local = createLocalTransport({ dispatcher });
  feed = createClients({ dispatcher, local, remote: () => transport }).client(ScoreService, 'test');
  await platform.client(UserService).createUser({ name: 'Ada', email: 'ada@example.com' });
});
after(async () => {
  for (const close of closers.toReversed()) await close();
});

const values = async (): Promise<string[]> =>
  (await readOutbox(platform.database('score'), 'score_events')).map(({ value }) => value);

test('a feed gets an acknowledgement for each event, in order, the bad ones refused alone', async () => {
  async function* events() {
    for (let newScore = 0; newScore < 600; newScore += 1) {
      const userId = newScore % 100 === 99 ? 99_999n : 1n;
      yield { idempotencyKey: `stream-${newScore}`, event: { userId, newScore, change: 1 } };
    }
  }
  const statuses: string[] = [];
  for await (const { result } of feed.streamScoreEvents(events())) statuses.push(`${result?.status} ${result?.code}`);
  assert.deepEqual(
    statuses,
    Array.from({ length: 600 }, (_, n) => (n % 100 === 99 ? 'refused user_not_found' : 'accepted ')),
  );
  const order = (await values()).map((value) => JSON.parse(value).new_score as number);
  assert.deepEqual(
    order,
    Array.from({ length: 600 }, (_, n) => n).filter((n) => n % 100 !== 99),
  );
});

test('an acknowledgement comes while the feed is still open', async () => {
  const acknowledged = Promise.withResolvers<void>();
  async function* events() {
    yield { idempotencyKey: 'open-1', event: { userId: 1n, newScore: 1, change: 1 } };
    await acknowledged.promise;
    yield { idempotencyKey: 'open-2', event: { userId: 1n, newScore: 2, change: 1 } };
  }
  const timer = setTimeout(() => acknowledged.reject(new Error('no acknowledgement within 5 s')), 5000);
  const statuses: string[] = [];
  for await (const { result } of feed.streamScoreEvents(events())) {
    statuses.push(result?.status ?? '');
    acknowledged.resolve();
  }
  clearTimeout(timer);
  assert.deepEqual(statuses, ['accepted', 'accepted']);
});

test('a feed that is sent again after a break repeats nothing', async () => {
  const before = (await values()).length;
  async function* events(most: number) {
    for (let n = 0; n < most; n += 1) {
      yield { idempotencyKey: `broken-${n}`, event: { userId: 1n, newScore: n, change: 1 } };
    }
  }
  const abort = new AbortController();
  let answered = 0;
  try {
    for await (const _ of feed.streamScoreEvents(events(300), { signal: abort.signal })) {
      answered += 1;
      if (answered === 50) abort.abort();
    }
  } catch {
    // The feed has broken off.
  }
  const statuses: string[] = [];
  for await (const { result } of feed.streamScoreEvents(events(300))) statuses.push(result?.status ?? '');
  assert.equal(statuses.length, 300);
  assert.deepEqual(statuses.slice(0, 50), Array(50).fill('replayed'));
  assert.equal((await values()).length, before + 300);
});
