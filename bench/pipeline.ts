// From the outbox of one service to the stored rows of another: score events committed in the score service's outbox
// until the last notification is stored. The baseline inserts both sets of rows in batches and does nothing else.

import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { events } from '@tradepost/contracts/events';
import { ScoreEventSchema } from '@tradepost/contracts/score';
import type { Database } from '@tradepost/platform/db';
import { openDatabase } from '@tradepost/platform/db';
import { encodeEvent, insertOutbox, type OutboxRow } from '@tradepost/platform/events';
import { uuidv7 } from '@tradepost/platform/time';
import type pg from 'pg';
import { type BenchSystem, between, startBenchSystem } from './bench-system.ts';
import { type Bench, type Round, requireEqual } from './measure.ts';
import { ownCpuSeconds } from './processes.ts';
import { createFeed, type FeedEvent, registerPeople } from './score-feed.ts';

const BATCH = 500;
const POLL_MS = 10;
const LIMIT_MS = 300_000;
const silent = { debug() {}, info() {}, warn() {}, error() {}, line() {} };

/** Encoded before the clock runs: what is measured begins with a row of the outbox. */
function encodeRows(next: () => FeedEvent, count: number): OutboxRow[] {
  return Array.from({ length: count }, () => {
    const id = uuidv7();
    const cause = { requestId: id, correlationId: id };
    return encodeEvent(events.ScoreEventAccepted, create(ScoreEventSchema, next()), cause, new Date());
  });
}

const NOTIFICATIONS = `
  insert into notifications (user_id, message, score_change, status, reason, source_event_id, created_at)
  select key::bigint, '', 5, 'not_sent', 'small_change', id, $3
  from unnest($1::text[], $2::uuid[]) as given (key, id)`;

function driverRound(system: BenchSystem, scores: Database, notifications: Database, rows: () => OutboxRow[]): Round {
  return async () => {
    const given = rows();
    const before = { own: ownCpuSeconds(), server: system.postgresCpuSeconds() };
    const startedMs = performance.now();
    for (let start = 0; start < given.length; start += BATCH) {
      const batch = given.slice(start, start + BATCH);
      await insertOutbox(scores, batch);
      await notifications.query(NOTIFICATIONS, [batch.map(({ key }) => key), batch.map(({ id }) => id), new Date()]);
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const server = between(before.server, system.postgresCpuSeconds());
    const cpuSeconds = server === undefined ? undefined : server + ownCpuSeconds() - before.own;
    return { value: given.length / seconds, operations: given.length, cpuSeconds };
  };
}

/** @param reached asks for the row that is the last of so many after `start`. */
async function waitFor(client: pg.Client, reached: string, values: readonly unknown[]): Promise<void> {
  const giveUpMs = performance.now() + LIMIT_MS;
  for (;;) {
    const { rowCount } = await client.query({ name: reached.trim().slice(0, 60), text: reached, values: [...values] });
    if (rowCount === 1) return;
    if (performance.now() > giveUpMs) throw new Error('The events did not arrive.');
    await sleep(POLL_MS);
  }
}

interface Target {
  readonly client: pg.Client;
  /** Highest id so far. */
  readonly last: string;
  /** The row that has to exist in the end: `$1` is its id. */
  readonly reached: string;
}

function pipelineRound(system: BenchSystem, scores: Database, target: Target, rows: () => OutboxRow[]): Round {
  return async () => {
    await system.settle();
    const given = rows();
    const { client, reached } = target;
    const last = BigInt((await client.query(target.last)).rows[0].id);
    const cpu = system.cpuSeconds();
    const startedMs = performance.now();
    for (let start = 0; start < given.length; start += BATCH) {
      await insertOutbox(scores, given.slice(start, start + BATCH));
    }
    await waitFor(client, reached, [last + BigInt(given.length)]);
    const seconds = (performance.now() - startedMs) / 1000;
    const cpuSeconds = between(cpu, system.cpuSeconds());
    await system.settle();
    const after = BigInt((await client.query(target.last)).rows[0].id);
    requireEqual('Rows that came of the events', after - last, given.length);
    return { value: given.length / seconds, operations: given.length, cpuSeconds };
  };
}

export const pipeline: Bench = {
  name: 'pipeline',
  summary: 'outbox → log → consumer → notification against batch inserts of the same rows; and on to the mail',
  async run({ eventsPerRound }, measure) {
    const system = await startBenchSystem();
    const opened: Database[] = [];
    const open = async (service: string): Promise<Database> => {
      const database = await openDatabase({ service, url: await system.baselineUrl(service), log: silent });
      opened.push(database);
      return database;
    };
    try {
      const people = await registerPeople(system.connection);
      const scores = await system.pool('score');
      const notified = await system.database('notification');
      const mails = await system.database('delivery');
      const silentFeed = createFeed(people, 1);
      await measure({
        name: 'outbox → notification',
        unit: '/s',
        baseline: driverRound(system, await open('score'), await open('notification'), () =>
          encodeRows(silentFeed, eventsPerRound),
        ),
        product: pipelineRound(
          system,
          scores,
          {
            client: notified,
            last: 'select coalesce(max(id), 0)::text as id from notifications',
            reached: 'select from notifications where id >= $1 limit 1',
          },
          () => encodeRows(silentFeed, eventsPerRound),
        ),
        goal: { ratio: 0.4 },
      });
      const loudFeed = createFeed(people, 2, false);
      await measure({
        name: 'outbox → mail in the mailbox',
        unit: '/s',
        product: pipelineRound(
          system,
          scores,
          {
            client: mails,
            last: `select count(*)::text as id from emails where status = 'sent'`,
            reached: `
              select from (select count(*) as sent from emails where status = 'sent') as so_far where sent >= $1`,
          },
          () => encodeRows(loudFeed, Math.ceil(eventsPerRound / 10)),
        ),
      });
    } finally {
      await Promise.all(opened.map((database) => database.close()));
      await system.close();
    }
  },
};
