// Performs the intents of one effect: outside any transaction, several at once, one at a time per key. Each is marked
// as begun before it, and recorded after it with the effect's own state in one transaction. A crash between the outside
// and the record performs it again with the same id.
import { randomUUID } from 'node:crypto';
import type { Database } from '../db/index.ts';
import {
  createOutageDetector,
  createWaker,
  delayAfter,
  describeFailure,
  FencedError,
  fingerprintOf,
  OUTAGE_BACKOFF,
  type Ownership,
  type Transactions,
} from '../events/index.ts';
import { FailpointError, failpoint, planted } from '../failpoints/index.ts';
import type { Context, Effect, Logger, Performed } from '../service/index.ts';
import type { Clock } from '../time/index.ts';
import { causeFacts } from '../tracing/index.ts';
import { createAttemptRecorder, DEFAULT_MAX_ATTEMPTS, RETRY } from './attempt-recorder.ts';
import {
  type AttemptRecord,
  type DueIntent,
  markBegun,
  pruneIntents,
  readDueIntents,
  readNextDue,
} from './effect-store.ts';
import type { EffectObserver, EffectStatus } from './observer.ts';
import { ABORT_GRACE_MS, DEFAULT_TIMEOUT_MS, performAttempt } from './perform-attempt.ts';
import { processIdentity } from './process-identity.ts';
import { createTakeover } from './takeover.ts';

export interface EffectRunnerOptions {
  readonly effect: Effect;
  readonly database: Database;
  readonly transactions: Transactions;
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
  /** Lets what is under way end, for a few seconds; what is cut off then is not recorded, so it is performed again. */
  close(): Promise<void>;
}

const DEFAULT_CONCURRENCY = 8;
// A read looks at everything that is pending to find the first of each key, so it pays to take many.
const READ_AT_ONCE = 500;
const POLL_MIN_MS = 200;
const POLL_MAX_MS = 2_000;
const PRUNE_EVERY_MS = 10 * 60_000;
const CLOSE_TIMEOUT_MS = 3_500;
/** Time for what is cut off to end. */
const CUT_MS = 500;

export function createEffectRunner(options: EffectRunnerOptions): EffectRunner {
  const { effect, database, clock, log, ownership, observer = {} } = options;
  const concurrency = effect.concurrency ?? DEFAULT_CONCURRENCY;
  const waker = createWaker(clock);
  const detector = createOutageDetector();
  const stopping = new AbortController();
  const closing = new AbortController();
  const runner = `${processIdentity}|${randomUUID()}`;
  const waitMs = (effect.timeoutMs ?? DEFAULT_TIMEOUT_MS) + ABORT_GRACE_MS;
  const takeover = createTakeover({ database, clock, effect: effect.name, runner, waitMs });
  const recorder = createAttemptRecorder({ ...options, lease: ownership.name });
  const busy = new Map<string, Promise<void>>();
  /** Keys whose probe failed in this outage: the next probe tries another. */
  const probed = new Set<string>();
  let queue: DueIntent[] = [];
  let queueEpoch: bigint | undefined;
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
    const info = { id: due.id, key: due.key, attempt: due.attempts + 1, cause: due.cause, stopping: stopping.signal };
    const startedMs = clock.monotonicMs();
    failpoint('effect.before-perform');
    if (planted('perform-twice')) await performAttempt(options, due, info, closing.signal);
    const result = await performAttempt(options, due, info, closing.signal);
    failpoint('effect.after-perform');
    if (result === undefined) {
      log.info({ effect: effect.name, id: due.id, ...causeFacts(due.cause) }, 'The stop left an attempt unrecorded.');
      return;
    }
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

  const beginAll = async (read: readonly DueIntent[], epoch: bigint): Promise<void> => {
    const marked = await markBegun(database, ownership.name, epoch, runner, read);
    for (const due of marked) {
      if (due.begunBy !== null) {
        log.warn(
          { effect: effect.name, id: due.id, ...causeFacts(due.cause) },
          'Performed again after an attempt of which nothing is recorded.',
        );
      }
      begin(due, epoch);
    }
    if (marked.length === read.length) return;
    queue = [];
    await ownership.verify();
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

  const readDue = async (exceptKeys: readonly string[], limit: number, epoch: bigint): Promise<DueIntent[]> =>
    readDueIntents(database, effect.name, clock.now(), exceptKeys, limit, await takeover.passable(epoch));

  /** Starts what fits. @returns whether it started anything. */
  const startDue = async (epoch: bigint): Promise<boolean> => {
    const free = concurrency - busy.size;
    if (free <= 0) return false;
    if (queue.length === 0) {
      queue = await readDue([...busy.keys()], READ_AT_ONCE, epoch);
    }
    const batch = queue.splice(0, free);
    if (batch.length > 0) await beginAll(batch, epoch);
    return batch.length > 0;
  };

  const probe = async (epoch: bigint): Promise<void> => {
    const waitMs = (outage?.probeAtMs ?? 0) - clock.monotonicMs();
    // The end of what is under way wakes the loop.
    if (busy.size > 0) return await waker.wait(POLL_MAX_MS);
    if (waitMs > 0) return await waker.wait(waitMs);
    const limit = 1;
    let [due] = await readDue([...probed], limit, epoch);
    if (due === undefined) {
      probed.clear();
      [due] = await readDue([], limit, epoch);
    }
    if (due === undefined) return endOutage();
    await beginAll([due], epoch);
  };

  const turn = async (): Promise<void> => {
    const epoch = ownership.epoch();
    // What was read under another epoch may have been performed since.
    if (epoch !== queueEpoch) queue = [];
    queueEpoch = epoch;
    if (epoch === undefined) {
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
      stopping.abort();
      stopListening();
      waker.wake();
      await running;
      await endWithin([...busy.values()], CLOSE_TIMEOUT_MS);
      closing.abort();
      await endWithin([...busy.values()], CUT_MS);
    },
  };
}

/** Waits for all of them, but no longer than the time. */
async function endWithin(work: readonly Promise<void>[], withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs);
  });
  await Promise.race([Promise.all(work), late]);
  clearTimeout(timer);
}
