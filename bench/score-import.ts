// A feed sent as the command line sends it, in keyed batches over gRPC, beside the driver inserting the same rows in
// batches of the same size over the same number of connections.
import { create } from '@bufbuild/protobuf';
import { ScoreEventSchema, ScoreService } from '@tradepost/contracts/score';
import pg from 'pg';
import { createLineReport } from '../cli/imports/line-report.ts';
import { createScoreSender } from '../cli/imports/send-scores.ts';
import { type BenchSystem, between, startBenchSystem } from './bench-system.ts';
import { insertMany } from './driver-rows.ts';
import { type Bench, type Round, requireEqual } from './measure.ts';
import { ownCpuSeconds } from './processes.ts';
import { createFeed, type FeedEvent, insertPeople, registerPeople } from './score-feed.ts';

const LANES = 4;
const BATCH = 500;

function driverRound(system: BenchSystem, clients: readonly pg.Client[], next: () => FeedEvent, events: number): Round {
  return async () => {
    const lanes = clients.map((): FeedEvent[] => []);
    // As the command line does it: a person's events stay in one lane.
    for (let number = 0; number < events; number += 1) {
      const event = next();
      lanes[Number(event.userId) % LANES]?.push(event);
    }
    const before = { own: ownCpuSeconds(), server: system.postgresCpuSeconds() };
    const startedMs = performance.now();
    await Promise.all(
      clients.map(async (client, lane) => {
        const own = lanes[lane] as FeedEvent[];
        for (let start = 0; start < own.length; start += BATCH)
          await insertMany(client, own.slice(start, start + BATCH));
      }),
    );
    const seconds = (performance.now() - startedMs) / 1000;
    const server = between(before.server, system.postgresCpuSeconds());
    const cpuSeconds = server === undefined ? undefined : server + ownCpuSeconds() - before.own;
    return { value: events / seconds, operations: events, cpuSeconds };
  };
}

function importRound(system: BenchSystem, scores: pg.Client, next: () => FeedEvent, events: number): Round {
  let round = 0;
  const count = async (): Promise<number> =>
    (await scores.query('select coalesce(sum(events), 0)::integer as stored from scores')).rows[0].stored;
  return async () => {
    await system.settle();
    round += 1;
    const feed = Array.from({ length: events }, next);
    const before = { stored: await count(), cpu: system.cpuSeconds() };
    const report = createLineReport(undefined);
    const startedMs = performance.now();
    const sender = createScoreSender(system.connection.client(ScoreService), report, () => {});
    for (const [number, event] of feed.entries()) {
      await sender.add({ line: number + 1, key: `${round}-${number}`, event: create(ScoreEventSchema, event) });
    }
    await sender.finish();
    const seconds = (performance.now() - startedMs) / 1000;
    const cpuSeconds = between(before.cpu, system.cpuSeconds());
    requireEqual('Events that were accepted', report.counts.accepted, events);
    requireEqual('Events that were stored', (await count()) - before.stored, events);
    await system.settle();
    return { value: events / seconds, operations: events, cpuSeconds };
  };
}

export const scoreImport: Bench = {
  name: 'import',
  summary: 'the import stream against batch inserts by the driver',
  async run(effort, measure) {
    for (const services of [['user', 'score', 'gateway'], []]) {
      const system = await startBenchSystem(services);
      try {
        const people = await registerPeople(system.connection);
        await system.settle();
        const url = await system.baselineUrl('score');
        const drivers = Array.from({ length: LANES }, () => new pg.Client(url));
        await Promise.all(drivers.map((driver) => driver.connect()));
        const feed = createFeed(await insertPeople(drivers[0] as pg.Client), 1);
        const alone = services.length > 0;
        await measure({
          name: `import, ${LANES} lanes of ${BATCH}${alone ? '' : ', all services at work'}`,
          unit: '/s',
          baseline: driverRound(system, drivers, feed, effort.eventsPerRound),
          product: importRound(system, await system.database('score'), createFeed(people, 1), effort.eventsPerRound),
          ...(alone ? { goal: { ratio: 0.4 } } : {}),
        });
        await Promise.all(drivers.map((driver) => driver.end()));
      } finally {
        await system.close();
      }
    }
  },
};
