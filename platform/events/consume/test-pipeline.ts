// For tests: a producer's database with its log, a consumer's database with a table of what was applied, and reactions
// that write there. Everything is real; only the wiring is shorter than a host's.
import { randomUUID } from 'node:crypto';
import { events } from '@tradepost/contracts/events';
import type { Context, Logger, Reaction, Received, Transaction } from '../../service/index.ts';
import { createTestDatabase, silentLog, type TestDatabase } from '../../testing/index.ts';
import { type Clock, systemClock } from '../../time/index.ts';
import { type Bus, createEmbeddedBus } from '../bus.ts';
import { createLease, type LogReader, openLogReader, startSequencer } from '../log/index.ts';
import { createTransactions } from '../transaction.ts';
import { createOwnership, type Ownership } from './ownership.ts';
import { type Consumer, type ConsumerOptions, startConsumer } from './start-consumer.ts';

export const scoreEvent = events.ScoreEventAccepted;
export type ScoreReaction = Reaction<typeof scoreEvent>;
export type ScoreMessage = Received<(typeof scoreEvent)['payload']>;

export interface Applied {
  readonly n: bigint;
  readonly message_id: string;
  readonly key: string;
  readonly change: number;
}

export interface TestPipeline {
  readonly producer: TestDatabase;
  readonly consumer: TestDatabase;
  readonly bus: Bus;
  readonly reader: LogReader;
  /** Publishes `change` for each, in one transaction. */
  publish(items: readonly { userId: bigint; change: number }[]): Promise<void>;
  start(options?: StartOptions): { consumer: Consumer; ownership: Ownership; close(): Promise<void> };
  applied(): Promise<Applied[]>;
  close(): Promise<void>;
}

export interface StartOptions {
  readonly bus?: Bus;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly reaction?: Partial<ScoreReaction>;
  /** Runs before each message is written; it may throw. */
  readonly before?: (message: ScoreMessage, tx: Transaction) => Promise<void> | void;
  readonly options?: Partial<ConsumerOptions>;
}

/** Writes every message it is given; a message that is given twice breaks no constraint, so that it shows. */
export const INSERT_APPLIED = `
  insert into applied (message_id, key, change) select * from unnest($1::uuid[], $2::text[], $3::integer[])`;

export async function createTestPipeline(): Promise<TestPipeline> {
  const [producer, consumer] = await Promise.all([
    createTestDatabase({ service: 'score' }),
    createTestDatabase({ service: 'notification' }),
  ]);
  await consumer.database.query(`
    create table applied (
      n bigint generated always as identity primary key, message_id uuid, key text, change integer
    )`);
  const sequencer = startSequencer({ database: producer.database, clock: systemClock, log: silentLog });
  const reader = openLogReader({ database: producer.database, advances: sequencer });
  const bus = createEmbeddedBus(new Map([['score', reader]]));
  const publishing = createTransactions({
    database: producer.database,
    config: {},
    clock: systemClock,
    log: silentLog,
    service: 'score',
    onCommitted: sequencer.poke,
  });
  const started = new Set<{ close(): Promise<void> }>();
  return {
    producer,
    consumer,
    bus,
    reader,
    async publish(items) {
      await publishing.run(async (tx) => {
        for (const { userId, change } of items) {
          const cause = { requestId: randomUUID(), correlationId: 'correlation-1' };
          tx.publish(scoreEvent, { userId, newScore: 700, change }, cause);
        }
      });
    },
    start(options = {}) {
      const running = startTestConsumer(consumer, bus, options);
      started.add(running);
      return running;
    },
    applied: () => consumer.database.query<Applied>('select n, message_id, key, change from applied order by n'),
    async close() {
      await Promise.all([...started].map((running) => running.close()));
      await sequencer.close();
      await Promise.all([producer.close(), consumer.close()]);
    },
  };
}

/** Starts the consumer alone, for a process of its own. */
export function startTestConsumer({ database }: Pick<TestDatabase, 'database'>, bus: Bus, options: StartOptions) {
  const { clock = systemClock, log = silentLog } = options;
  const name = 'consumers';
  const ownership = createOwnership({ name, lease: createLease({ database, clock, name }), log });
  const transactions = createTransactions({ database, config: {}, clock, log, service: 'notification' });
  const reaction: ScoreReaction = {
    kind: 'reaction',
    name: 'notification.score-events',
    on: [scoreEvent],
    async apply(messages, tx) {
      for (const message of messages) await options.before?.(message, tx);
      await tx.query(INSERT_APPLIED, [
        messages.map(({ id }) => id),
        messages.map(({ key }) => key),
        messages.map(({ value }) => value.change),
      ]);
    },
    ...options.reaction,
  };
  const context = { config: {}, db: database, clock, log, signal: new AbortController().signal } as unknown as Context;
  const consumer = startConsumer({
    reaction: reaction as unknown as Reaction,
    bus: options.bus ?? bus,
    database,
    transactions,
    context,
    clock,
    log,
    ownership,
    ...options.options,
  });
  let closing: Promise<void> | undefined;
  return {
    consumer,
    ownership,
    close() {
      closing ??= consumer.close().then(() => ownership.close());
      return closing;
    },
  };
}

/** Waits until the condition holds. @throws when it does not within the time. */
export async function eventually(
  holds: () => Promise<boolean> | boolean,
  what: string | (() => unknown),
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${describe(what)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function describe(what: string | (() => unknown)): string {
  if (typeof what === 'string') return what;
  return JSON.stringify(what(), (_, value) => (typeof value === 'bigint' ? String(value) : value));
}
