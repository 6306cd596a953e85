// Performs the intents of one effect: outside any transaction, several at once, one at a time per key; each attempt is
// recorded with the effect's own state in one transaction. A crash between the two performs it again with the same id.
import { type Database, isTransient } from '../db/index.ts';
import {
  createOutageDetector,
  createWaker,
  delayAfter,
  describeFailure,
  FencedError,
  fingerprintOf,
  OUTAGE_BACKOFF,
  type Ownership,
} from '../events/index.ts';
import { FailpointError, failpoint } from '../failpoints/index.ts';
import type { Context, Effect, Logger, Performed, PerformInfo } from '../service/index.ts';
import type { Clock } from '../time/index.ts';
import { causeFacts, logWithCause } from '../tracing/index.ts';
import { createAttemptRecorder, DEFAULT_MAX_ATTEMPTS, type EffectTransactions, RETRY } from './attempt-recorder.ts';
import { type AttemptRecord, type DueIntent, pruneIntents, readDueIntents, readNextDue } from './effect-store.ts';
import type { EffectObserver, EffectStatus } from './observer.ts';

export interface EffectRunnerOptions {
  readonly effect: Effect;
  readonly database: Database;
  readonly transactions: EffectTransactions;
  readonly context: Context;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ownership: Ownership;
  readonly observer?: EffectObserver;
  /** How long an intent that is done is kept. Default 7 days. */
  readonly keepDoneMs?: number;
}

export interface EffectRunner {
  readonly name: string;
  status(): EffectStatus;
  poke(): void;
  /** Lets what is under way end, for a few seconds. */
  close(): Promise<void>;
}

const DEFAULT_CONCURRENCY = 8;
const DEFAULT_TIMEOUT_MS = 30_000;
// A read looks at everything that is pending to find the first of each key, so it pays to take many.
const READ_AT_ONCE = 500;
const POLL_MIN_MS = 200;
const POLL_MAX_MS = 2_000;
const PRUNE_EVERY_MS = 10 * 60_000;
const CLOSE_TIMEOUT_MS = 4_000;

export function createEffectRunner(options: EffectRunnerOptions): EffectRunner {
  const { effect, database, clock, log, ownership, observer = {} } = options;
  const concurrency = effect.concurrency ?? DEFAULT_CONCURRENCY;
  const waker = createWaker(clock);
  const detector = createOutageDetector();
  const closing = new AbortController();
  const recorder = createAttemptRecorder({ ...options, lease: ownership.name });
  const busy = new Map<string, Promise<void>>();
  /** Keys whose probe failed in this outage: the next probe tries another. */
  const probed = new Set<string>();
  let queue: DueIntent[] = [];
  let outage: { reason: string; failures: number; probeAtMs: number } | undefined;
  let closed = false;
  let performed = 0n;
  let prunedAtMs = clock.monotonicMs();
  let pollMs = POLL_MIN_MS;

  const pauseFor = (reason: string): void => {
    if (outage === undefined) {
      log.error({ effect: effect.name, reason }, 'An outage: the effect pauses and tries one at a time.');
      observer.outage?.({ effect: effect.name, reason, began: true });
      queue = [];
    }
    // Attempts that were under way when it began say nothing new.
    if (outage !== undefined && clock.monotonicMs() < outage.probeAtMs) return;
    const failures = (outage?.failures ?? 0) + 1;
    outage = { reason, failures, probeAtMs: clock.monotonicMs() + delayAfter(OUTAGE_BACKOFF, failures) };
  };

  const endOutage = (): void => {
    detector.succeeded();
    if (outage === undefined) return;
    log.info({ effect: effect.name }, 'The outage is over.');
    observer.outage?.({ effect: effect.name, reason: outage.reason, began: false });
    outage = undefined;
    probed.clear();
  };

  /** What is written down about an attempt. An outage leaves the intent due and counts nothing. */
  const judge = (due: DueIntent, result: Performed<unknown>): AttemptRecord => {
    if (result.outcome !== 'retry') {
      endOutage();
      const detail = result.outcome === 'rejected' ? result.detail : '';
      return { state: result.outcome, attempts: due.attempts + 1, nextAt: undefined, detail, fingerprint: '' };
    }
    const fingerprint = fingerprintOf(result.detail);
    const spread = detector.failed(due.key, fingerprint);
    const record = { detail: result.detail.slice(0, 2_000), fingerprint };
    if (result.outage === true || spread || outage !== undefined) {
      pauseFor(result.detail);
      probed.add(due.key);
      return { ...record, state: 'pending', attempts: due.attempts, nextAt: clock.now() };
    }
    const attempts = due.attempts + 1;
    const final = attempts >= (effect.maxAttempts ?? DEFAULT_MAX_ATTEMPTS);
    const nextAt = final ? undefined : new Date(clock.now().getTime() + delayAfter(RETRY, attempts));
    return { ...record, state: final ? 'given_up' : 'pending', attempts, nextAt };
  };

  const perform = async (due: DueIntent, epoch: bigint): Promise<void> => {
    const info = { id: due.id, key: due.key, attempt: due.attempts + 1, cause: due.cause };
    const startedMs = clock.monotonicMs();
    failpoint('effect.before-perform');
    const result = await performOnce(options, due, info, closing.signal);
    failpoint('effect.after-perform');
    const record = judge(due, result);
    await recorder.record({ due, epoch, info, performed: result, record });
    failpoint('effect.after-record');
    performed += 1n;
    const durationMs = clock.monotonicMs() - startedMs;
    observer.performed?.({ effect: effect.name, outcome: result.outcome, state: record.state, durationMs });
    if (result.outcome !== 'done') {
      log.warn(
        { effect: effect.name, id: due.id, attempt: info.attempt, detail: record.detail, ...causeFacts(due.cause) },
        'An effect was not done.',
      );
    }
  };

  const begin = (due: DueIntent, epoch: bigint): void => {
    const work = perform(due, epoch)
      .catch((error) => {
        queue = [];
        if (error instanceof FencedError) return ownership.verify();
        if (!(error instanceof FailpointError)) pauseFor(describeFailure(error).error);
      })
      .finally(() => {
        busy.delete(due.key);
        waker.wake();
      });
    busy.set(due.key, work);
  };

  /** Starts what fits. @returns whether it started anything. */
  const startDue = async (epoch: bigint): Promise<boolean> => {
    const free = concurrency - busy.size;
    if (free <= 0) return false;
    if (queue.length === 0) {
      queue = await readDueIntents(database, effect.name, clock.now(), [...busy.keys()], READ_AT_ONCE);
    }
    const batch = queue.splice(0, free);
    for (const due of batch) begin(due, epoch);
    return batch.length > 0;
  };

  const probe = async (epoch: bigint): Promise<void> => {
    const waitMs = (outage?.probeAtMs ?? 0) - clock.monotonicMs();
    // The end of what is under way wakes the loop.
    if (busy.size > 0) return await waker.wait(POLL_MAX_MS);
    if (waitMs > 0) return await waker.wait(waitMs);
    const limit = 1;
    let [due] = await readDueIntents(database, effect.name, clock.now(), [...probed], limit);
    if (due === undefined) {
      probed.clear();
      [due] = await readDueIntents(database, effect.name, clock.now(), [], limit);
    }
    if (due === undefined) return endOutage();
    begin(due, epoch);
  };

  const turn = async (): Promise<void> => {
    const epoch = ownership.epoch();
    if (epoch === undefined) {
      queue = [];
      return await waker.wait(POLL_MAX_MS);
    }
    if (outage !== undefined) return await probe(epoch);
    if (await startDue(epoch)) {
      pollMs = POLL_MIN_MS;
      return;
    }
    // While some are under way, the end of any of them wakes the loop.
    const nextAt = busy.size > 0 ? undefined : await readNextDue(database, effect.name, clock.now());
    if (clock.monotonicMs() - prunedAtMs > PRUNE_EVERY_MS) {
      prunedAtMs = clock.monotonicMs();
      await pruneIntents(database, new Date(clock.now().getTime() - (options.keepDoneMs ?? 7 * 86_400_000)));
    }
    await waker.wait(pollMs, nextAt);
    pollMs = Math.min(pollMs * 2, POLL_MAX_MS);
  };

  const run = async (): Promise<void> => {
    let troubles = 0;
    while (!closed) {
      try {
        await turn();
        troubles = 0;
      } catch (error) {
        troubles += 1;
        queue = [];
        log.warn({ effect: effect.name, error }, 'Intents cannot be read at present.');
        await waker.wait(delayAfter(OUTAGE_BACKOFF, troubles));
      }
    }
  };

  const stopListening = ownership.onChange(() => waker.wake());
  const running = run();
  return {
    name: effect.name,
    status: () => ({
      name: effect.name,
      state: closed
        ? 'stopped'
        : outage !== undefined
          ? 'paused'
          : ownership.epoch() === undefined
            ? 'standby'
            : 'running',
      reason: outage?.reason ?? '',
      underWay: busy.size,
      performed,
    }),
    poke: () => waker.wake(),
    async close() {
      closed = true;
      stopListening();
      waker.wake();
      await running;
      const timer = setTimeout(() => closing.abort(), CLOSE_TIMEOUT_MS);
      await Promise.all(busy.values());
      clearTimeout(timer);
    },
  };
}

/** One attempt within its time. It never throws, except for a test's failpoint. */
async function performOnce(
  options: EffectRunnerOptions,
  due: DueIntent,
  info: PerformInfo,
  closing: AbortSignal,
): Promise<Performed<unknown>> {
  const { effect, context } = options;
  const timeoutMs = effect.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const signal = AbortSignal.any([context.signal, closing, AbortSignal.timeout(timeoutMs)]);
  let stop: (() => void) | undefined;
  const aborted = new Promise<Performed<unknown>>((resolve) => {
    stop = () => resolve({ outcome: 'retry', detail: `no answer within ${timeoutMs} ms` });
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    const own = { ...context, signal, log: logWithCause(context.log, due.cause) };
    return await Promise.race([effect.perform(due.intent, info, own), aborted]);
  } catch (error) {
    if (error instanceof FailpointError) throw error;
    // Our own database that went away is nobody's fault: it costs no attempt.
    const outage = isTransient(error);
    return { outcome: 'retry', detail: describeFailure(error).error, outage };
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}
