// Takes up what was parked: retries that are due, messages that an operator replays, and those that were held behind a
// message that is settled now. In the order in which they were parked, which is the order within each key.

import type { Received } from '../../service/index.ts';
import { causeFacts } from '../../tracing/index.ts';
import { DEFAULT_MAX_ATTEMPTS, messagesOf } from './apply-batch.ts';
import { applyRange } from './apply-range.ts';
import { delayAfter, PARKED_BACKOFF } from './backoff.ts';
import { UnreadableMessageError } from './decode-record.ts';
import { describeFailure } from './fingerprint.ts';
import {
  type BlockedKey,
  clearDropped,
  countParked,
  type DueMessage,
  failParked,
  lockWaiting,
  ParkedChangedError,
  readDue,
  releaseKeys,
  resolveParked,
} from './parked-store.ts';
import type { Step } from './plan-batch.ts';
import { markInflight, ProcessDeathError } from './process-deaths.ts';
import { blockKey, type RunnerState } from './runner-state.ts';
import {
  applyTo,
  commitChange,
  isMessageFault,
  loadFor,
  OutageError,
  type RunnerWork,
  withImmediateRetries,
} from './runner-work.ts';

export interface RetryOptions {
  readonly limit: number;
  /** Names each message in the database before it is tried: one of them may kill the process. */
  readonly isolated?: boolean;
}

/** @returns how many rows were taken up. @throws OutageError, and whatever is not a message's fault. */
export async function retryParked(work: RunnerWork, state: RunnerState, options: RetryOptions): Promise<number> {
  const due = await readDue(work.database, work.identity, work.clock.now(), options.limit);
  const dropped = due.filter((row) => row.state === 'dropped');
  const waiting = due.filter((row) => row.state === 'waiting');
  try {
    if (dropped.length > 0) await passDropped(work, state, dropped);
    if (waiting.length > 0) await retryWaiting(work, state, waiting, options);
  } catch (error) {
    // An operator was faster: nothing was applied, and what is due is read again.
    if (!(error instanceof ParkedChangedError)) throw error;
  } finally {
    if (due.length > 0 || state.counts.nextAt !== undefined) {
      state.counts = await countParked(work.database, work.identity);
    }
  }
  return due.length;
}

async function passDropped(work: RunnerWork, state: RunnerState, dropped: readonly DueMessage[]): Promise<void> {
  await settleRows(work, state, dropped, async (tx) => {
    await clearDropped(
      tx,
      dropped.map(({ id }) => id),
    );
  });
}

/** Tries one message alone. @throws what `apply` throws; the failure is not counted. */
export async function retryOne(work: RunnerWork, state: RunnerState, row: DueMessage): Promise<void> {
  const message = work.decode(row.record, row.attempts + 1);
  const loaded = await loadFor(work, [message]);
  try {
    await withImmediateRetries(() => applyRows(work, state, [row], [message], loaded));
  } catch (error) {
    if (!(error instanceof ParkedChangedError)) throw error;
  } finally {
    state.counts = await countParked(work.database, work.identity);
  }
}

async function retryWaiting(
  work: RunnerWork,
  state: RunnerState,
  rows: readonly DueMessage[],
  { isolated = false }: RetryOptions,
): Promise<void> {
  try {
    await retryRows(work, state, rows, isolated);
  } finally {
    // Whatever ends the process from here on is not this message's fault.
    if (isolated) await markInflight(work.database, work.identity, state.epoch, undefined);
  }
}

async function retryRows(
  work: RunnerWork,
  state: RunnerState,
  rows: readonly DueMessage[],
  isolated: boolean,
): Promise<void> {
  const byId = new Map<string, DueMessage>();
  const failedKeys = new Set<string>();
  const steps: Step[] = [];
  const placeOf = ({ record }: { record: Step['record'] }) =>
    `${blockKey(record)}\0${record.incarnation}\0${record.sequence}`;
  for (const row of rows) {
    byId.set(placeOf(row), row);
    if (failedKeys.has(blockKey(row.record))) continue;
    try {
      if (row.record.id === state.suspicion.condemned) throw new ProcessDeathError();
      if (isolated) await markInflight(work.database, work.identity, state.epoch, row.record.id);
      steps.push({ kind: 'apply', record: row.record, message: work.decode(row.record, row.attempts + 1) });
    } catch (error) {
      if (!(error instanceof ProcessDeathError || error instanceof UnreadableMessageError)) throw error;
      await failRow(work, state, row, error);
      if (error instanceof ProcessDeathError) state.suspicion.condemned = undefined;
      if (work.holdsKeys) failedKeys.add(blockKey(row.record));
    }
  }
  const loaded = await loadFor(work, messagesOf(steps));
  const rowOf = (step: Step): DueMessage => byId.get(placeOf(step)) as DueMessage;
  await applyRange(steps, {
    revise: (step) => (failedKeys.has(blockKey(step.record)) ? { kind: 'pass', record: step.record } : step),
    isMessageFault,
    attempt: (range) =>
      withImmediateRetries(async () => {
        const applied = range.filter(({ kind }) => kind === 'apply');
        if (applied.length === 0) return;
        await applyRows(work, state, applied.map(rowOf), messagesOf(applied), loaded);
      }),
    async setAside(step, error) {
      const failure = describeFailure(error);
      if (work.detector.failed(blockKey(step.record), failure.fingerprint)) {
        throw new OutageError(`Keys fail one after another with the same error: ${failure.error}`, { cause: error });
      }
      await failRow(work, state, rowOf(step), error);
      if (work.holdsKeys) failedKeys.add(blockKey(step.record));
    },
  });
}

async function applyRows(
  work: RunnerWork,
  state: RunnerState,
  rows: readonly DueMessage[],
  messages: readonly Received[],
  loaded: unknown,
): Promise<void> {
  const startedMs = work.clock.monotonicMs();
  const ids = rows.map(({ id }) => id);
  await settleRows(work, state, rows, async (tx) => {
    await lockWaiting(tx, ids);
    await applyTo(work, messages, tx, loaded);
    await resolveParked(tx, work.clock.now(), ids);
  });
  work.detector.succeeded();
  work.counters.applied += BigInt(rows.length);
  const durationMs = work.clock.monotonicMs() - startedMs;
  work.observer.batch?.({ ...work.identity, applied: rows.length, passed: 0, durationMs });
}

/** One transaction that settles rows and lets flow on what waited behind them. */
async function settleRows(
  work: RunnerWork,
  state: RunnerState,
  rows: readonly DueMessage[],
  write: Parameters<typeof commitChange>[2]['write'],
): Promise<void> {
  const keys = new Map(rows.map(({ record }) => [blockKey(record), { topic: record.topic, key: record.key }]));
  let blocked: BlockedKey[] = [];
  await commitChange(work, state, {
    async write(tx) {
      await write(tx);
      if (work.holdsKeys) blocked = await releaseKeys(tx, work.identity, work.clock.now(), [...keys.values()]);
    },
  });
  const still = new Set(blocked.map(blockKey));
  for (const key of keys.keys()) if (!still.has(key)) state.blocked.delete(key);
}

/** Counts a failed attempt; after the last one the message is dead. */
export async function failRow(work: RunnerWork, state: RunnerState, row: DueMessage, error: unknown): Promise<void> {
  const failure = describeFailure(error);
  const attempts = row.attempts + 1;
  const final =
    error instanceof UnreadableMessageError ||
    error instanceof ProcessDeathError ||
    attempts >= (work.reaction.maxAttempts ?? DEFAULT_MAX_ATTEMPTS);
  const now = work.clock.now();
  const nextAt = final ? undefined : new Date(now.getTime() + delayAfter(PARKED_BACKOFF, attempts));
  await withImmediateRetries(() =>
    commitChange(work, state, {
      write: (tx) => failParked(tx, work.identity, now, row, { nextAt, failure, holdsKey: work.holdsKeys }),
    }),
  );
  const outcome = final ? 'dead' : 'waiting';
  work.observer.failed?.({ ...work.identity, type: row.record.type, fingerprint: failure.fingerprint, outcome });
  const { id, key } = row.record;
  const facts = { ...work.identity, id, key, attempts, error: failure.error, ...causeFacts(row.record) };
  if (final) work.log.warn(facts, 'A message is dead after its last attempt.');
  else work.log.info(facts, 'A parked message failed again.');
}
