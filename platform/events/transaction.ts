// The transaction that features see. Events and intents are buffered and written by one statement each at the end of
// the body: the aggregates are locked by then, so later transactions on a key have later events.
import type { DescMessage } from '@bufbuild/protobuf';
import type { EventDeclaration } from '@tradepost/contracts/declare-event';
import type { Database, Queryable, SqlTransaction, TransactionOptions } from '../db/index.ts';
import type { Cause, EffectDeclaration, IntendOptions, Logger, Transaction } from '../service/index.ts';
import type { Clock } from '../time/index.ts';
import { encodeEvent, InvalidEventError, type OutboxRow } from './encode-event.ts';
import { ensurePartitions, isMissingPartition, PARTITION_ROWS } from './log/index.ts';

const MAX_EVENTS = 10_000;
const PARTITION_ATTEMPTS = 4;

/** An intent as the body recorded it. */
export interface BufferedIntent {
  /** Name of the effect. */
  readonly effect: string;
  readonly key: string;
  readonly intent: unknown;
  readonly cause: Cause;
  readonly notBefore?: Date;
  /** Domain time of the transaction. */
  readonly createdAt: Date;
}

export interface EventObserver {
  published?(event: { readonly topic: string; readonly type: string }): void;
}

export interface TransactionsOptions<Config> {
  readonly database: Database;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** Only events that it owns may be published. */
  readonly service: string;
  /** Writes intents, in order; without it `intend` throws. */
  readonly insertIntents?: (sql: Queryable, intents: readonly BufferedIntent[]) => Promise<void>;
  /** Runs after each commit that wrote something of either kind: poke the sequencer, the effects. It must not throw. */
  readonly onCommitted?: (written: { events: number; intents: number }) => void;
  /** Learns of every event, after the commit. It must not throw. */
  readonly observer?: EventObserver;
  readonly partitionRows?: number;
}

export interface Transactions<Config = unknown> {
  /**
   * Runs the body in one transaction, again after a lost race.
   * @throws what the body throws; InvalidEventError; CommitUnknownError; DatabaseUnavailableError.
   */
  run<T>(body: (tx: Transaction<Config>) => Promise<T>, options?: TransactionOptions): Promise<T>;
}

export function createTransactions<Config>(options: TransactionsOptions<Config>): Transactions<Config> {
  const { database, partitionRows = PARTITION_ROWS } = options;
  return {
    async run(body, transactionOptions) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await database.transaction((sql) => runBody(options, sql, body), transactionOptions);
        } catch (error) {
          // Producers outran those who make partitions ahead; nothing was committed.
          if (!isMissingPartition(error) || attempt === PARTITION_ATTEMPTS) throw error;
          await ensurePartitions(database, partitionRows);
        }
      }
    },
  };
}

async function runBody<Config, T>(
  options: TransactionsOptions<Config>,
  sql: SqlTransaction,
  body: (tx: Transaction<Config>) => Promise<T>,
): Promise<T> {
  const rows: OutboxRow[] = [];
  const intents: BufferedIntent[] = [];
  let open = true;
  const refuseLate = (): void => {
    if (!open) throw new Error('This transaction has ended: what it writes must be awaited inside its body.');
  };
  const now = options.clock.now();
  const tx: Transaction<Config> = {
    config: options.config,
    log: options.log,
    now,
    query: (text, params) => sql.query(text, params),
    afterCommit: (action) => sql.afterCommit(action),
    publish(event, payload, cause) {
      refuseLate();
      refuseForeign(event, options.service);
      if (rows.length >= MAX_EVENTS) throw new Error(`A transaction may publish ${MAX_EVENTS} events, not more.`);
      rows.push(encodeEvent(event, payload, cause, now));
    },
    intend(effect, intent, intendOptions) {
      refuseLate();
      if (options.insertIntents === undefined) throw new Error(`${options.service} has no effect runner.`);
      intents.push(bufferIntent(effect, intent, intendOptions, now));
    },
  };
  const result = await body(tx);
  open = false;
  if (rows.length > 0) await insertOutbox(sql, rows);
  if (intents.length > 0) await options.insertIntents?.(sql, intents);
  if (rows.length + intents.length > 0) {
    sql.afterCommit(() => {
      options.onCommitted?.({ events: rows.length, intents: intents.length });
      if (options.observer?.published !== undefined) for (const row of rows) options.observer.published(row);
    });
  }
  return result;
}

function refuseForeign(event: EventDeclaration<DescMessage>, service: string): void {
  if (event.owner !== service) throw new InvalidEventError(`${event.name} is ${event.owner}'s, not ${service}'s.`);
}

function bufferIntent<Intent>(
  effect: EffectDeclaration<Intent>,
  intent: Intent,
  { key, cause, notBefore }: IntendOptions,
  createdAt: Date,
): BufferedIntent {
  return { effect: effect.name, key, intent, cause, createdAt, ...(notBefore === undefined ? {} : { notBefore }) };
}

// The rows draw their seq in the order of the arrays.
const INSERT_OUTBOX = `
  insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, causation_id,
    traceparent, origin, value)
  select * from unnest($1::text[], $2::int[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[])`;

/** Writes the rows with one statement. For those who publish on their own; features use `tx.publish`. */
export async function insertOutbox(sql: Queryable, rows: readonly OutboxRow[]): Promise<void> {
  await sql.query(INSERT_OUTBOX, [
    rows.map((row) => row.topic),
    rows.map((row) => row.part),
    rows.map((row) => row.key),
    rows.map((row) => row.id),
    rows.map((row) => row.type),
    rows.map((row) => row.occurredAt),
    rows.map((row) => row.cause.requestId),
    rows.map((row) => row.cause.correlationId),
    rows.map((row) => row.cause.causationId ?? null),
    rows.map((row) => row.cause.traceparent ?? null),
    rows.map((row) => row.origin ?? null),
    rows.map((row) => row.value),
  ]);
}
