// One loop for one reaction and one producer: read, plan, load, apply, move the cursor. Retries, replays and released
// messages run in the same loop, so that nothing of a consumer ever happens twice at once.

import type { EventSource, Subscription } from '../bus.ts';
import { type LogRecord, OutOfRange } from '../log/index.ts';
import { applyBatch, planRecords } from './apply-batch.ts';
import { delayAfter, OUTAGE_BACKOFF, TROUBLE_BACKOFF } from './backoff.ts';
import { FencedError, pruneCursors } from './cursor-store.ts';
import { applyIsolated } from './isolate.ts';
import type { RunnerStatus } from './observer.ts';
import type { Ownership } from './ownership.ts';
import { countParked, pruneParked } from './parked-store.ts';
import { probeOutage } from './probe-outage.ts';
import { endRun } from './process-deaths.ts';
import { createPositionReport } from './report-position.ts';
import { retryParked } from './retry-parked.ts';
import { loadState, type RunnerState } from './runner-state.ts';
import { OutageError, type RunnerWork } from './runner-work.ts';
import type { Waker } from './waker.ts';

export interface RunnerOptions {
  readonly work: RunnerWork;
  readonly source: EventSource;
  readonly topics: ReadonlyMap<string, number>;
  readonly ownership: Ownership;
  readonly waker: Waker;
  readonly maxBatch: number;
  readonly heldLimit: number;
}

export interface ConsumerRunner {
  status(): RunnerStatus;
  /** Looks at parked messages soon: an operator changed something. */
  poke(): void;
  /** Ends after the batch under way. */
  close(): Promise<void>;
}

const POLL_MIN_MS = 100;
const POLL_MAX_MS = 2_000;
const PRUNE_EVERY = 64n;
const PRUNE_SETTLED_EVERY_MS = 3_600_000;
const KEEP_SETTLED_MS = 30 * 86_400_000;

interface Outage {
  reason: string;
  failures: number;
  probeAtMs: number;
}

export function createConsumerRunner(options: RunnerOptions): ConsumerRunner {
  const { work, source, ownership, waker, maxBatch } = options;
  const positionReport = createPositionReport({ ...work, source });
  let state: RunnerState | undefined;
  let run: Pick<RunnerState, 'epoch' | 'suspicion'> | undefined;
  let subscription: Subscription | undefined;
  let ahead: Promise<readonly LogRecord[]> | undefined;
  let outage: Outage | undefined;
  let stopped: string | undefined;
  let parkedChanged = true;
  let pollMs = POLL_MIN_MS;
  let closed = false;
  /** Messages still to be taken one at a time, after deaths of the process. */
  let isolateLeft = 0;
  let prunedAtMs = Number.NEGATIVE_INFINITY;

  const dropBuffer = (): void => {
    subscription?.close();
    subscription = undefined;
    ahead = undefined;
  };

  /** After a doubt: what is known is loaded anew, and the bus is read again from the cursor. */
  const forget = (): void => {
    dropBuffer();
    state = undefined;
  };

  const readNext = async (): Promise<readonly LogRecord[]> => {
    subscription ??= source.subscribe([...(state as RunnerState).cursors.values()]);
    const reading = ahead ?? subscription.read(maxBatch);
    ahead = undefined;
    const records = await reading;
    // The next batch is read while this one is applied.
    if (records.length > 0) {
      ahead = subscription.read(maxBatch);
      ahead.catch(() => {});
    }
    return records;
  };

  const takeBatch = async (current: RunnerState): Promise<boolean> => {
    const records = await readNext();
    if (records.length === 0) return false;
    if (records.some(({ incarnation }) => incarnation !== current.incarnation)) {
      current.incarnation = await source.incarnation();
    }
    const plan = planRecords(work, current, records);
    const before = current.n;
    if (isolateLeft > 0) {
      await applyIsolated(work, current, plan.steps);
      isolateLeft -= plan.steps.length;
    } else {
      await applyBatch(work, current, plan.steps);
    }
    if (plan.steps.length > 0) {
      await (subscription as Subscription).acknowledge([...current.cursors.values()]);
      if (current.n / PRUNE_EVERY !== before / PRUNE_EVERY) {
        await pruneCursors(work.database, work.identity, current.n);
      }
    }
    // Read again from the cursor: what comes behind a gap was passed over.
    if (plan.gaps.length > 0) dropBuffer();
    return plan.steps.length > 0;
  };

  const takeParked = async (current: RunnerState): Promise<boolean> => {
    const { nextAt } = current.counts;
    const due = nextAt !== undefined && nextAt <= work.clock.now();
    if (!due && !parkedChanged) return false;
    parkedChanged = false;
    const taken = await retryParked(
      work,
      current,
      isolateLeft > 0 ? { limit: 1, isolated: true } : { limit: maxBatch },
    );
    return taken > 0;
  };

  const probe = async (current: RunnerState, during: Outage): Promise<void> => {
    if (work.clock.monotonicMs() < during.probeAtMs) {
      await waker.wait(Math.max(during.probeAtMs - work.clock.monotonicMs(), 1));
      return;
    }
    dropBuffer();
    const reading = source.subscribe([...current.cursors.values()]);
    try {
      await probeOutage(work, current, await reading.read(maxBatch), during.failures - 1);
    } finally {
      reading.close();
    }
    outage = undefined;
    work.detector.succeeded();
    work.observer.outage?.({ ...work.identity, reason: during.reason, began: false });
    work.log.info({ ...work.identity }, 'The outage is over.');
  };

  const pruneSettled = async (): Promise<void> => {
    if (work.clock.monotonicMs() - prunedAtMs < PRUNE_SETTLED_EVERY_MS) return;
    prunedAtMs = work.clock.monotonicMs();
    await pruneParked(work.database, work.identity, new Date(work.clock.now().getTime() - KEEP_SETTLED_MS));
  };

  const turn = async (): Promise<void> => {
    const epoch = ownership.epoch();
    if (epoch === undefined) {
      if (state !== undefined) forget();
      await waker.wait(POLL_MAX_MS);
      return;
    }
    if (state?.epoch !== epoch) {
      dropBuffer();
      const known = run?.epoch === epoch ? run.suspicion : undefined;
      state = await loadState({ ...work, source, topics: options.topics }, epoch, known);
      run = { epoch, suspicion: state.suspicion };
      if (known === undefined) isolateLeft = state.suspicion.isolates ? maxBatch : 0;
      parkedChanged = true;
    }
    positionReport.sendWhenDue(state.cursors);
    if (outage !== undefined) return await probe(state, outage);
    const retried = await takeParked(state);
    const full = state.counts.held >= options.heldLimit;
    const applied = full ? false : await takeBatch(state);
    if (retried || applied) {
      pollMs = POLL_MIN_MS;
      return;
    }
    isolateLeft = 0;
    await pruneSettled();
    const { waiting, held, dead, nextAt } = state.counts;
    await waker.wait(pollMs, nextAt);
    pollMs = Math.min(pollMs * 2, POLL_MAX_MS);
    // Another process may have replayed or dropped something.
    if (waiting + held + dead > 0) parkedChanged = true;
  };

  const pauseFor = async (error: unknown): Promise<void> => {
    const reason = error instanceof Error ? error.message : String(error);
    if (outage === undefined) {
      work.log.error({ ...work.identity, reason }, 'An outage: the consumer pauses and tries one message at a time.');
      work.observer.outage?.({ ...work.identity, reason, began: true });
    }
    const failures = (outage?.failures ?? 0) + 1;
    outage = { reason, failures, probeAtMs: work.clock.monotonicMs() + delayAfter(OUTAGE_BACKOFF, failures) };
  };

  let troubles = 0;
  const recover = async (error: unknown): Promise<void> => {
    if (error instanceof OutageError) {
      dropBuffer();
      if (state !== undefined) state.counts = await countParked(work.database, work.identity).catch(() => EMPTY);
      return await pauseFor(error);
    }
    forget();
    if (error instanceof FencedError) {
      await ownership.verify();
      return;
    }
    if (error instanceof OutOfRange) {
      stopped = error.message;
      work.log.error(
        { ...work.identity, topic: error.topic, part: error.part, firstRetained: error.firstRetained },
        'Retention has removed events that this consumer has not seen: it stops and skips nothing.',
      );
      return;
    }
    troubles += 1;
    work.log.warn({ ...work.identity, error }, 'A consumer begins anew from its cursor.');
    await waker.wait(delayAfter(TROUBLE_BACKOFF, troubles));
  };

  const loop = async (): Promise<void> => {
    while (!closed && stopped === undefined) {
      try {
        await turn();
        troubles = 0;
      } catch (error) {
        if (!closed) await recover(error);
      }
    }
    dropBuffer();
    await positionReport.done();
    if (run !== undefined) await endRun(work.database, work.identity, run.epoch).catch(() => {});
  };

  const stopListening = [source.onAdvance(() => waker.wake()), ownership.onChange(() => waker.wake())];
  const running = loop();

  return {
    status: () => describeRunner(),
    poke() {
      parkedChanged = true;
      waker.wake();
    },
    async close() {
      closed = true;
      for (const stop of stopListening) stop();
      waker.wake();
      await running;
    },
  };

  function describeRunner(): RunnerStatus {
    const counts = state?.counts ?? EMPTY;
    const full = counts.held >= options.heldLimit ? `${counts.held} messages are held behind others` : undefined;
    const reason = stopped ?? outage?.reason ?? full ?? '';
    const standby = state === undefined ? 'standby' : 'running';
    return {
      producer: source.producer,
      state: stopped !== undefined || closed ? 'stopped' : reason !== '' ? 'paused' : standby,
      reason,
      epoch: state?.epoch,
      ...work.counters,
      waiting: counts.waiting,
      held: counts.held,
      dead: counts.dead,
    };
  }
}

const EMPTY = { waiting: 0, held: 0, dead: 0, nextAt: undefined };
