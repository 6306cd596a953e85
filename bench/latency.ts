// One score event at a time on an idle system: from the request's first byte until another session sees the stored
// notification. The baseline is one durable transaction with the same rows.

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type BenchSystem, startBenchSystem } from './bench-system.ts';
import { insertOne } from './driver-rows.ts';
import type { Bench, Round } from './measure.ts';
import { openRestClient, type RestClient } from './rest-client.ts';
import { percentile } from './run-rounds.ts';
import { createFeed, type FeedEvent, insertPeople, registerPeople } from './score-feed.ts';

const PAUSE_MS = 20;
const EVENTS_PER_SECOND_OF_ROUND = 30;
const LIMIT_MS = 10_000;

async function lastId(client: pg.Client): Promise<string> {
  return (await client.query('select coalesce(max(id), 0)::text as id from notifications')).rows[0].id;
}

async function timeOne(rest: RestClient, notified: pg.Client, event: FeedEvent): Promise<number> {
  const last = await lastId(notified);
  const { userId, newScore, change } = event;
  const body = `{"user_id":${userId},"new_score":${newScore},"change":${change}}`;
  const startedMs = performance.now();
  const answer = await rest.post('/api/v1/score-events', body);
  if (answer.status !== 202) throw new Error(`The product answered ${answer.status}: ${answer.body}`);
  const question = { name: 'next', text: 'select from notifications where id > $1 limit 1', values: [last] };
  while ((await notified.query(question)).rowCount === 0) {
    if (performance.now() - startedMs > LIMIT_MS) throw new Error('The notification was not stored.');
    // A session that asks without a pause would take a core from the system it watches.
    await sleep(0.5);
  }
  return performance.now() - startedMs;
}

async function timeMany(count: number, one: () => Promise<number>, share: number) {
  const times: number[] = [];
  for (let number = 0; number < count; number += 1) {
    times.push(await one());
    await sleep(PAUSE_MS);
  }
  const value = percentile(
    times.toSorted((left, right) => left - right),
    share,
  );
  return { value, operations: count };
}

function driverRound(driver: pg.Client, next: () => FeedEvent, count: number, share: number): Round {
  const one = async (): Promise<number> => {
    const startedMs = performance.now();
    await insertOne(driver, next());
    return performance.now() - startedMs;
  };
  return () => timeMany(count, one, share);
}

function productRound(
  system: BenchSystem,
  rest: RestClient,
  notified: pg.Client,
  next: () => FeedEvent,
  count: number,
  share: number,
): Round {
  return async () => {
    await system.settle();
    return timeMany(count, () => timeOne(rest, notified, next()), share);
  };
}

export const latency: Bench = {
  name: 'latency',
  summary: 'from a request to the stored notification, on an idle system',
  async run({ secondsPerRound }, measure) {
    const system = await startBenchSystem();
    try {
      const people = await registerPeople(system.connection);
      const driver = new pg.Client(await system.baselineUrl('score'));
      await driver.connect();
      const known = await insertPeople(driver);
      const rest = await openRestClient(system.url);
      const notified = await system.database('notification');
      const count = Math.ceil(secondsPerRound * EVENTS_PER_SECOND_OF_ROUND);
      for (const [name, share, goal] of [['p50', 0.5, { atMost: 15 }] as const, ['p95', 0.95, undefined] as const]) {
        await measure({
          name: `request → stored notification, ${name}`,
          unit: 'ms',
          baseline: driverRound(driver, createFeed(known, 1), count, share),
          product: productRound(system, rest, notified, createFeed(people, 1), count, share),
          ...(goal === undefined ? {} : { goal }),
        });
      }
      rest.close();
      await driver.end();
    } finally {
      await system.close();
    }
  },
};
