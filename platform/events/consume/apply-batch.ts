// Takes a batch of the log through plan, load and apply, and moves the cursor behind it.

import { planted } from '../../failpoints/index.ts';
import type { Received } from '../../service/index.ts';
import { causeFacts } from '../../tracing/index.ts';
import type { LogRecord } from '../log/index.ts';
import { applyRange } from './apply-range.ts';
import { delayAfter, PARKED_BACKOFF } from './backoff.ts';
import { describeFailure } from './fingerprint.ts';
import { type Parking, park } from './parked-store.ts';
import { advanceCursors, type Plan, planBatch, type Step } from './plan-batch.ts';
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

export const DEFAULT_MAX_ATTEMPTS = 8;

export type ApplyStep = Step & { readonly kind: 'apply' };

export function planRecords(work: RunnerWork, state: RunnerState, records: readonly LogRecord[]): Plan {
  const plan = planBatch(records, state.cursors, {
    types: work.types,
    decode: work.decode,
    holdsKeys: work.holdsKeys,
    incarnation: state.incarnation,
    isBlocked: (topic, key) => state.blocked.size > 0 && state.blocked.has(blockKey({ topic, key })),
    takeDuplicates: planted('inbox-off'),
  });
  report(work, plan);
  return plan;
}

/** Applies all of it. @throws OutageError, and whatever is not a message's fault. */
export async function applyBatch(work: RunnerWork, state: RunnerState, steps: readonly Step[]): Promise<void> {
  if (steps.length === 0) return;
  const loaded = await loadFor(work, messagesOf(steps));
  await applyRange(steps, {
    revise: (step) => reviseStep(state, step),
    attempt: (range) => withImmediateRetries(() => attemptRange(work, state, range, loaded)),
    isMessageFault,
    setAside: (step, error) => setAside(work, state, step, error),
  });
}

function reviseStep(state: RunnerState, step: Step): Step {
  if (step.kind !== 'apply' || state.blocked.size === 0 || !state.blocked.has(blockKey(step.record))) return step;
  return { kind: 'hold', record: step.record };
}

/** One transaction: what `apply` writes, what is held or dead, and the cursor behind them. */
export async function attemptRange(
  work: RunnerWork,
  state: RunnerState,
  steps: readonly Step[],
  loaded: unknown,
): Promise<void> {
  const startedMs = work.clock.monotonicMs();
  const messages = messagesOf(steps);
  const parkings = steps.flatMap(parkingOf);
  await commitChange(work, state, {
    cursors: advanceCursors(state.cursors, steps),
    async write(tx) {
      await applyTo(work, messages, tx, loaded);
      await park(tx, work.identity, work.clock.now(), parkings);
    },
  });
  countParkings(work, state, parkings);
  if (messages.length > 0) work.detector.succeeded();
  work.counters.applied += BigInt(messages.length);
  work.observer.batch?.({
    ...work.identity,
    applied: messages.length,
    passed: steps.length - messages.length - parkings.length,
    durationMs: work.clock.monotonicMs() - startedMs,
  });
}

/** Parks the message at fault for a later attempt. @throws OutageError when it is one of too many. */
async function setAside(work: RunnerWork, state: RunnerState, step: ApplyStep, error: unknown): Promise<void> {
  const failure = describeFailure(error);
  if (work.detector.failed(blockKey(step.record), failure.fingerprint)) {
    throw new OutageError(`Keys fail one after another with the same error: ${failure.error}`, { cause: error });
  }
  await parkCulprit(work, state, step, error);
}

/** Parks one message, whatever else fails. */
export async function parkCulprit(
  work: RunnerWork,
  state: RunnerState,
  step: ApplyStep,
  error: unknown,
): Promise<void> {
  const failure = describeFailure(error);
  const now = work.clock.now();
  const dead = (work.reaction.maxAttempts ?? DEFAULT_MAX_ATTEMPTS) <= 1;
  const nextAt = dead ? undefined : new Date(now.getTime() + delayAfter(PARKED_BACKOFF, 1));
  const parking: Parking = { record: step.record, state: dead ? 'dead' : 'waiting', attempts: 1, nextAt, failure };
  await withImmediateRetries(() =>
    commitChange(work, state, {
      cursors: advanceCursors(state.cursors, [step]),
      write: (tx) => park(tx, work.identity, now, [parking]),
    }),
  );
  countParkings(work, state, [parking]);
}

function parkingOf(step: Step): Parking[] {
  const { record } = step;
  if (step.kind === 'hold') return [{ record, state: 'held', attempts: 0, nextAt: undefined, failure: undefined }];
  if (step.kind === 'bury') return [{ record, state: 'dead', attempts: 1, nextAt: undefined, failure: step.failure }];
  return [];
}

function countParkings(work: RunnerWork, state: RunnerState, parkings: readonly Parking[]): void {
  const counts = { ...state.counts };
  for (const { record, state: parked, failure, nextAt } of parkings) {
    counts[parked] += 1;
    if (nextAt !== undefined && (counts.nextAt === undefined || nextAt < counts.nextAt)) counts.nextAt = nextAt;
    if (parked === 'held') continue;
    if (work.holdsKeys) state.blocked.add(blockKey(record));
    const fingerprint = failure?.fingerprint ?? '';
    work.observer.failed?.({ ...work.identity, type: record.type, fingerprint, outcome: parked });
    const { id, key, topic } = record;
    const facts = { ...work.identity, id, key, topic, error: failure?.error, ...causeFacts(record) };
    work.log.warn(facts, parked === 'dead' ? 'A message is dead.' : 'A message was parked; it is tried again later.');
  }
  state.counts = counts;
}

function report(work: RunnerWork, plan: Plan): void {
  if (plan.duplicates > 0) {
    work.counters.duplicates += BigInt(plan.duplicates);
    work.observer.duplicates?.({ ...work.identity, count: plan.duplicates });
  }
  for (const { topic, part, expected } of plan.gaps) {
    work.counters.gaps += 1n;
    work.observer.gap?.({ ...work.identity, topic, part });
    work.log.warn({ ...work.identity, topic, part, expected }, 'A sequence is missing; what follows waits for it.');
  }
  for (const { topic, part, from } of plan.restarts) {
    work.log.warn(
      { ...work.identity, topic, part, from },
      'The log was restored; reading goes on in its new incarnation.',
    );
  }
}

export function messagesOf(steps: readonly Step[]): Received[] {
  return steps.flatMap((step) => (step.kind === 'apply' ? [step.message] : []));
}
