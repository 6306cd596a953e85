// Writes down what attempts came to. Those that end while others are being written share the next transaction; where
// one of them cannot be recorded, each is tried alone, so that only the culprit fails.
import { CommitUnknownError, type Database, isTransient } from '../db/index.ts';
import { type Backoff, delayAfter, describeFailure, FencedError, type Transactions } from '../events/index.ts';
import { FailpointError } from '../failpoints/index.ts';
import type { Effect, Logger, Performed, PerformInfo } from '../service/index.ts';
import type { Clock } from '../time/index.ts';
import { causeFacts } from '../tracing/index.ts';
import { type MadeAttempt, recordAttempts } from './effect-store.ts';

export const DEFAULT_MAX_ATTEMPTS = 12;
export const RETRY: Backoff = { firstMs: 2_000, factor: 2.5, maxMs: 60 * 60_000, jitter: 0.2 };
const RECORD_DELAYS_MS = [20, 100, 500, 1_000, 2_000, 4_000, 8_000];
const MOST_AT_ONCE = 200;

export interface AttemptRecorderOptions {
  readonly effect: Effect;
  readonly database: Database;
  readonly transactions: Transactions;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of the lease under which the attempts are made. */
  readonly lease: string;
}

export interface EndedAttempt extends MadeAttempt {
  readonly info: PerformInfo;
  readonly performed: Performed<unknown>;
}

export interface AttemptRecorder {
  /** Resolves once it is durable. @throws FencedError when another process recorded it, or owns the effects. */
  record(attempt: EndedAttempt): Promise<void>;
}

interface Waiting {
  readonly attempt: EndedAttempt;
  resolve(): void;
  reject(error: unknown): void;
}

export function createAttemptRecorder(options: AttemptRecorderOptions): AttemptRecorder {
  const waiting: Waiting[] = [];
  let isWriting = false;

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) await settle(options, waiting.splice(0, MOST_AT_ONCE));
    isWriting = false;
  };
  return {
    record: (attempt) =>
      new Promise((resolve, reject) => {
        waiting.push({ attempt, resolve, reject });
        if (isWriting) return;
        isWriting = true;
        // What ends in the same turn of the event loop goes together.
        setImmediate(() => void writeAll());
      }),
  };
}

/** Never rejects: everything that waits is told. */
async function settle(options: AttemptRecorderOptions, batch: readonly Waiting[]): Promise<void> {
  const attempts = batch.map(({ attempt }) => attempt);
  try {
    await persistently(() => write(options, attempts));
    for (const { resolve } of batch) resolve();
  } catch (error) {
    const [first] = batch;
    if (batch.length > 1) for (const one of batch) await settle(options, [one]);
    else if (first !== undefined) await recordFailure(options, first.attempt, error).then(first.resolve, first.reject);
  }
}

function write({ transactions, effect, lease }: AttemptRecorderOptions, ended: readonly EndedAttempt[]): Promise<void> {
  return transactions.run(async (tx) => {
    await recordAttempts(tx, lease, ended, tx.now);
    const attempts = ended.map(({ due: { intent, cause }, info, performed, record }) => {
      return { intent, info, performed, final: record.state !== 'pending', cause };
    });
    await effect.record(attempts, tx);
  });
}

/** Holds on to what happened outside while the database is away: an attempt that is not recorded is made again. */
async function persistently(write: () => Promise<void>): Promise<void> {
  let doubtful = false;
  for (const delayMs of RECORD_DELAYS_MS) {
    try {
      return await write();
    } catch (error) {
      // After a commit of which nothing is known the next try finds out: what was recorded is not recorded again.
      if (doubtful && error instanceof FencedError) return;
      doubtful ||= error instanceof CommitUnknownError;
      if (!isTransient(error) && !(error instanceof CommitUnknownError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
  return await write();
}

/**
 * The attempt happened, but its record was refused. A bug in `record` must not make the effect happen without end, so
 * the attempt is counted by itself. @throws the error when it is not `record`'s fault.
 */
async function recordFailure(
  { effect, clock, log, database, lease }: AttemptRecorderOptions,
  { due, epoch }: EndedAttempt,
  error: unknown,
): Promise<void> {
  const isFenced = error instanceof FencedError || error instanceof FailpointError;
  if (isFenced || isTransient(error) || error instanceof CommitUnknownError) throw error;
  const failure = describeFailure(error);
  const attempts = due.attempts + 1;
  const final = attempts >= (effect.maxAttempts ?? DEFAULT_MAX_ATTEMPTS);
  const now = clock.now();
  log.error(
    { effect: effect.name, id: due.id, error, ...causeFacts(due.cause) },
    'An attempt happened and could not be recorded.',
  );
  const record = {
    state: final ? ('given_up' as const) : ('pending' as const),
    attempts,
    nextAt: final ? undefined : new Date(now.getTime() + delayAfter(RETRY, attempts)),
    detail: `recording failed: ${failure.error}`,
    fingerprint: failure.fingerprint,
  };
  await recordAttempts(database, lease, [{ due, epoch, record }], now);
}
