// Starts a reaction: one runner for each producer whose events it is on.

import type { Database } from '../../db/index.ts';
import type { Context, Logger, Reaction } from '../../service/index.ts';
import type { Clock } from '../../time/index.ts';
import type { Bus } from '../bus.ts';
import { createConsumerRunner } from './consumer-runner.ts';
import { readCursor } from './cursor-store.ts';
import { createMessageDecoder } from './decode-record.ts';
import type { ConsumerObserver, ConsumerStatus } from './observer.ts';
import { createOutageDetector } from './outage.ts';
import type { Ownership } from './ownership.ts';
import { countDue } from './parked-store.ts';
import { partitionKey } from './plan-batch.ts';
import type { Transactions } from './runner-work.ts';
import { createWaker } from './waker.ts';

export interface ConsumerOptions {
  readonly reaction: Reaction;
  readonly bus: Bus;
  /** The consuming service's own database. */
  readonly database: Database;
  readonly transactions: Transactions;
  readonly context: Context;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whose lease the runners work under; one may serve all consumers of a service. */
  readonly ownership: Ownership;
  readonly observer?: ConsumerObserver;
  /** Messages held behind others above which the consumer pauses, for all keys. Default 100,000. */
  readonly heldLimit?: number;
  /** Default 20,000: below the database's statement timeout. */
  readonly applyTimeoutMs?: number;
  /** Default 60,000. */
  readonly loadTimeoutMs?: number;
}

/** What a consumer has before it. */
export interface Backlog {
  /** Records in the logs behind the cursor. */
  readonly behind: bigint;
  /** The same for each producer. */
  readonly behindOf: ReadonlyMap<string, bigint>;
  /** Parked messages whose time has come. */
  readonly due: number;
}

export interface Consumer {
  readonly name: string;
  status(): ConsumerStatus;
  /** Asks the logs and the database: nothing behind and nothing due means that it is settled. */
  backlog(): Promise<Backlog>;
  /** Tells the runners that parked messages were replayed or dropped. */
  poke(): void;
  close(): Promise<void>;
}

const DEFAULT_MAX_BATCH = 200;

export function startConsumer(options: ConsumerOptions): Consumer {
  const { reaction, bus, database, clock, ownership } = options;
  const parts = [...producersOf(reaction)].map(([producer, topics]) => {
    const identity = { consumer: reaction.name, producer };
    const source = bus.source(producer);
    const runner = createConsumerRunner({
      source,
      topics,
      ownership,
      waker: createWaker(clock),
      maxBatch: reaction.maxBatch ?? DEFAULT_MAX_BATCH,
      heldLimit: options.heldLimit ?? 100_000,
      work: {
        ...options,
        ...createMessageDecoder(reaction.on.filter(({ owner }) => owner === producer)),
        identity,
        lease: ownership.name,
        holdsKeys: reaction.onFailure !== 'release',
        observer: options.observer ?? {},
        detector: createOutageDetector(),
        counters: { applied: 0n, duplicates: 0n, gaps: 0n },
        applyTimeoutMs: options.applyTimeoutMs ?? 20_000,
        loadTimeoutMs: options.loadTimeoutMs ?? 60_000,
      },
    });
    return { identity, source, topics, runner };
  });

  return {
    name: reaction.name,
    status: () => ({ name: reaction.name, runners: parts.map(({ runner }) => runner.status()) }),
    async backlog() {
      const behindOf = new Map<string, bigint>();
      let due = 0;
      for (const { identity, source, topics } of parts) {
        let behind = 0n;
        const [heads, cursor, dueHere] = await Promise.all([
          source.heads([...topics.keys()]),
          readCursor(database, identity),
          countDue(database, identity, clock.now()),
        ]);
        const after = new Map((cursor?.partitions ?? []).map((place) => [partitionKey(place), place.after]));
        for (const place of heads) {
          const lag = place.head - (after.get(partitionKey(place)) ?? place.firstRetained - 1n);
          if (lag > 0n) behind += lag;
        }
        behindOf.set(identity.producer, behind);
        due += dueHere;
      }
      return { behind: [...behindOf.values()].reduce((sum, lag) => sum + lag, 0n), behindOf, due };
    },
    poke() {
      for (const { runner } of parts) runner.poke();
    },
    async close() {
      await Promise.all(parts.map(({ runner }) => runner.close()));
    },
  };
}

/** Producers with their topics and numbers of partitions. */
function producersOf(reaction: Reaction): Map<string, Map<string, number>> {
  const producers = new Map<string, Map<string, number>>();
  for (const { owner, topic, partitions } of reaction.on) {
    const topics = producers.get(owner) ?? new Map<string, number>();
    producers.set(owner, topics.set(topic, partitions));
  }
  return producers;
}
