// A feed of our own making: people who are made when there are too few, and score events that a seed decides.
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { ScoreEventSchema, ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import { uuidv7 } from '@tradepost/platform/time';
import type { Connection } from '../connect.ts';
import { EXIT } from '../failure.ts';
import type { Output } from '../output.ts';
import { createProgress } from '../progress.ts';
import { createLineReport, showReport } from './line-report.ts';
import { retrying } from './retry.ts';
import { createScoreSender } from './send-scores.ts';
import { openSettlement } from './settlement.ts';

export interface LoadScoresOptions {
  readonly connection: Connection;
  readonly output: Output;
  readonly users: number;
  readonly events: number;
  /** Events a second; absent: as fast as they are taken. */
  readonly rate?: number;
  readonly seed: number;
  /** Longest wait for the notifications, in seconds. */
  readonly wait: number;
}

const CONCURRENCY = 32;

/** Numbers in [0, 1) that the seed decides: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @returns the ids of the first `wanted` people; missing ones are registered. */
async function findPeople(connection: Connection, wanted: number, runId: string): Promise<bigint[]> {
  const client = connection.client(UserService);
  const ids: bigint[] = [];
  let cursor = '';
  do {
    const page = await client.listUsers({ limit: 200, cursor });
    ids.push(...page.data.map(({ id }) => id));
    cursor = page.hasMore ? page.nextCursor : '';
  } while (cursor !== '' && ids.length < wanted);
  const missing = wanted - ids.length;
  if (missing <= 0) return ids.slice(0, wanted);
  const progress = createProgress({ label: 'people', total: missing, unit: 'people' });
  let made = 0;
  let next = 0;
  const makeSome = async (): Promise<void> => {
    while (next < missing) {
      next += 1;
      const number = next;
      const request = { name: `Load ${number}`, email: `load-${runId}-${number}@example.com` };
      const meta = { idempotencyKey: `load-user-${runId}-${number}` };
      const { user } = await retrying(() => client.createUser(request, { meta }));
      if (user !== undefined) ids.push(user.id);
      made += 1;
      progress.update(made);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, makeSome));
  progress.finish();
  return ids;
}

export async function loadScores(options: LoadScoresOptions): Promise<void> {
  const { connection, output, events, rate } = options;
  const runId = uuidv7();
  const people = await findPeople(connection, options.users, runId);
  const report = createLineReport(undefined);
  const progress = createProgress({ label: 'score events', total: events, unit: 'events' });
  const settlement = await openSettlement(connection, options.wait * 1000);
  const sender = createScoreSender(connection.client(ScoreService), report, () =>
    progress.update(report.counts.accepted + report.counts.refused, report.words()),
  );
  const random = seededRandom(options.seed);
  const scores = new Map<bigint, number>();
  const startedMs = performance.now();
  try {
    for (let number = 1; number <= events; number += 1) {
      const userId = people[Math.floor(random() * people.length)] as bigint;
      const before = scores.get(userId) ?? 700;
      const change = Math.max(-before, Math.floor(random() * 61) - 30);
      scores.set(userId, before + change);
      const event = create(ScoreEventSchema, { userId, newScore: before + change, change });
      report.counts.lines += 1;
      await sender.add({ line: number, key: `load-${runId}-${number}`, event });
      const dueMs = rate === undefined ? 0 : startedMs + (number / rate) * 1000 - performance.now();
      if (dueMs > 0) await sleep(dueMs);
    }
    await sender.finish();
  } finally {
    progress.finish();
    report.close();
  }
  const seconds = Math.round(performance.now() - startedMs) / 1000;
  const { notified, settled } = await settlement.wait();
  showReport(output, report, {
    people: people.length,
    ...(notified === undefined ? {} : { notified: settled ? notified : `${notified} so far` }),
    seconds,
    per_second: Math.round(events / Math.max(seconds, 0.001)),
    ...(notified === undefined ? {} : { settled_after: Math.round(performance.now() - startedMs) / 1000 }),
  });
  if (report.counts.refused > 0) process.exitCode = EXIT.partly;
}
