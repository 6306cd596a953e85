// Score events over REST, each with an idempotency key, by 1, 16 and 64 clients that each wait for their answer;
// beside them the same number of driver connections that insert the same rows, one transaction each.
import pg from 'pg';
import { type BenchSystem, between, startBenchSystem } from './bench-system.ts';
import { insertOne } from './driver-rows.ts';
import { type Bench, type Effort, type Round, requireEqual } from './measure.ts';
import { ownCpuSeconds } from './processes.ts';
import { openRestClient } from './rest-client.ts';
import { createFeed, type FeedEvent, insertPeople, registerPeople } from './score-feed.ts';

const CLIENTS = [1, 16, 64];
const GOAL = { 64: { ratio: 0.5 } } as Record<number, { ratio: number }>;

/** Calls `once` on every client again and again until the time is up. @returns how often, and in which time. */
async function loop<Client>(
  clients: readonly Client[],
  seconds: number,
  once: (client: Client) => Promise<void>,
): Promise<{ operations: number; seconds: number }> {
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1000;
  let operations = 0;
  const run = async (client: Client): Promise<void> => {
    while (performance.now() < endMs) {
      await once(client);
      operations += 1;
    }
  };
  await Promise.all(clients.map(run));
  return { operations, seconds: (performance.now() - startedMs) / 1000 };
}

async function countStored(client: pg.Client): Promise<number> {
  const { rows } = await client.query('select coalesce(sum(events), 0)::integer as stored from scores');
  return rows[0].stored;
}

function driverRound(system: BenchSystem, clients: pg.Client[], next: () => FeedEvent, effort: Effort): Round {
  return async () => {
    const first = clients[0] as pg.Client;
    const before = { stored: await countStored(first), own: ownCpuSeconds(), server: system.postgresCpuSeconds() };
    const done = await loop(clients, effort.secondsPerRound, (client) => insertOne(client, next()));
    const server = between(before.server, system.postgresCpuSeconds());
    const cpuSeconds = server === undefined ? undefined : server + ownCpuSeconds() - before.own;
    requireEqual('Events that the baseline stored', (await countStored(first)) - before.stored, done.operations);
    return { value: done.operations / done.seconds, operations: done.operations, cpuSeconds };
  };
}

async function restRound(
  system: BenchSystem,
  scores: pg.Client,
  count: number,
  next: () => FeedEvent,
  effort: Effort,
): Promise<Round> {
  const clients = await Promise.all(Array.from({ length: count }, () => openRestClient(system.url)));
  let key = 0;
  return async () => {
    await system.settle();
    const before = { stored: await countStored(scores), cpu: system.cpuSeconds() };
    const done = await loop(clients, effort.secondsPerRound, async (client) => {
      const { userId, newScore, change } = next();
      key += 1;
      const body = `{"user_id":${userId},"new_score":${newScore},"change":${change}}`;
      const answer = await client.post('/api/v1/score-events', body, `idempotency-key: rest-${count}-${key}\r\n`);
      if (answer.status !== 202) throw new Error(`The product answered ${answer.status}: ${answer.body}`);
    });
    const cpuSeconds = between(before.cpu, system.cpuSeconds());
    requireEqual('Events that the product stored', (await countStored(scores)) - before.stored, done.operations);
    await system.settle();
    return { value: done.operations / done.seconds, operations: done.operations, cpuSeconds };
  };
}

export const scoreRest: Bench = {
  name: 'rest',
  summary: 'score events over REST against one transaction each by the driver',
  async run(effort, measure) {
    // The first rows are the command alone; in the last one everything that follows from an event runs beside it.
    const setups = [
      { services: ['user', 'score', 'gateway'], what: 'REST', clients: CLIENTS },
      { services: [], what: 'REST, all services at work', clients: CLIENTS.slice(-1) },
    ];
    for (const { services, what, clients } of setups) {
      const system = await startBenchSystem(services);
      try {
        const people = await registerPeople(system.connection);
        await system.settle();
        const url = await system.baselineUrl('score');
        const scores = await system.database('score');
        const drivers = Array.from({ length: Math.max(...clients) }, () => new pg.Client(url));
        await Promise.all(drivers.map((driver) => driver.connect()));
        const feed = createFeed(await insertPeople(drivers[0] as pg.Client), 1);
        for (const count of clients) {
          await measure({
            name: `${what}, ${count} ${count === 1 ? 'client' : 'clients'}`,
            unit: '/s',
            baseline: driverRound(system, drivers.slice(0, count), feed, effort),
            product: await restRound(system, scores, count, createFeed(people, 1), effort),
            ...(services.length > 0 && GOAL[count] !== undefined ? { goal: GOAL[count] } : {}),
          });
        }
        await Promise.all(drivers.map((driver) => driver.end()));
      } finally {
        await system.close();
      }
    }
  },
};
