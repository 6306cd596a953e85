// What the steps of a runner share: the reaction, its tools, and the one way to commit. Every change to a consumer's
// state goes through `commitChange`, which appends the cursor record that fences it.
import {
  CommitUnknownError,
  type Database,
  DatabaseUnavailableError,
  isTransient,
  sqlStateOf,
} from '../../db/index.ts';
import { FailpointError, failpoint, planted } from '../../failpoints/index.ts';
import type { Context, Logger, Reaction, Received, Transaction } from '../../service/index.ts';
import type { Clock } from '../../time/index.ts';
import { OutOfRange } from '../log/index.ts';
import { appendCursor, type CursorIdentity, FencedError, limitIdleTime, type PartitionCursor } from './cursor-store.ts';
import type { MessageDecoder } from './decode-record.ts';
import { describeFailure } from './fingerprint.ts';
import type { ConsumerObserver } from './observer.ts';
import type { OutageDetector } from './outage.ts';
import { ParkedChangedError } from './parked-store.ts';
import type { RunnerState } from './runner-state.ts';

export interface Transactions {
  run<T>(body: (tx: Transaction) => Promise<T>): Promise<T>;
}

export interface RunnerCounters {
  applied: bigint;
  duplicates: bigint;
  gaps: bigint;
}

export interface RunnerWork {
  readonly reaction: Reaction;
  readonly identity: CursorIdentity;
  readonly lease: string;
  readonly holdsKeys: boolean;
  readonly types: ReadonlySet<string>;
  readonly decode: MessageDecoder;
  readonly database: Database;
  readonly transactions: Transactions;
  readonly context: Context;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: ConsumerObserver;
  readonly detector: OutageDetector;
  readonly counters: RunnerCounters;
  readonly applyTimeoutMs: number;
  readonly loadTimeoutMs: number;
}

/** The fault is not a message's: nothing is parked, the consumer pauses and probes. */
export class OutageError extends Error {
  override readonly name = 'OutageError';
}

export class WorkTimeoutError extends Error {
  override readonly name = 'WorkTimeoutError';
}

export interface Change {
  readonly write: (tx: Transaction) => Promise<void>;
  /** Where the cursor stands afterwards; as before when absent. */
  readonly cursors?: ReadonlyMap<string, PartitionCursor>;
}

/** Commits a change with its cursor record, or nothing. @throws FencedError when another process owns the consumer. */
export async function commitChange(work: RunnerWork, state: RunnerState, change: Change): Promise<void> {
  const cursors = change.cursors ?? state.cursors;
  const record = { n: state.n + 1n, partitions: [...cursors.values()] };
  const owner = { lease: work.lease, epoch: state.epoch };
  // Planted bugs, which the checker of the crash tests must find: the cursor moves before, or after, its effects.
  const early = planted('ack-before-commit');
  const late = planted('inbox-off');
  if (early) await appendCursor(work.database, work.identity, owner, record);
  await work.transactions.run(async (tx) => {
    await limitIdleTime(tx);
    await change.write(tx);
    failpoint('consumer.before-cursor', work.identity.consumer);
    if (!early && !late) await appendCursor(tx, work.identity, owner, record);
    failpoint('consumer.before-commit', work.identity.consumer);
  });
  failpoint('consumer.after-commit', work.identity.consumer);
  if (late) await appendCursor(work.database, work.identity, owner, record);
  state.n = record.n;
  state.cursors = cursors;
}

/** Runs `load` outside any transaction. @throws OutageError for whatever it throws. */
export async function loadFor(work: RunnerWork, messages: readonly Received[]): Promise<unknown> {
  if (work.reaction.load === undefined || messages.length === 0) return undefined;
  try {
    return await within(work.loadTimeoutMs, 'load', work.reaction.load(messages, work.context));
  } catch (error) {
    if (error instanceof FailpointError) throw error;
    throw new OutageError(`What ${work.reaction.name} loads is not to be had: ${describeFailure(error).error}`, {
      cause: error,
    });
  }
}

export async function applyTo(
  work: RunnerWork,
  messages: readonly Received[],
  tx: Transaction,
  loaded: unknown,
): Promise<void> {
  if (messages.length === 0) return;
  await within(work.applyTimeoutMs, 'apply', work.reaction.apply(messages, tx, loaded));
}

const IMMEDIATE_DELAYS_MS = [20, 80, 320];

/** Repeats at once what a lost race or a lost connection made fail. */
export async function withImmediateRetries<T>(attempt: () => Promise<T>): Promise<T> {
  for (const delayMs of IMMEDIATE_DELAYS_MS) {
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
  return await attempt();
}

/** Whether a message, not the world around it, is to blame for an error of `apply`. */
export function isMessageFault(error: unknown): boolean {
  if (error instanceof FencedError || error instanceof OutageError || error instanceof FailpointError) return false;
  if (error instanceof CommitUnknownError || error instanceof DatabaseUnavailableError) return false;
  if (error instanceof OutOfRange || error instanceof ParkedChangedError) return false;
  if (!isTransient(error)) return true;
  // A message may be to blame for a timeout, a lock never had or a lost race; not for a server without resources.
  return ['57014', '55P03', '40001', '40P01'].includes(sqlStateOf(error) ?? '');
}

async function within<T>(timeoutMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new WorkTimeoutError(`${what} did not end within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
