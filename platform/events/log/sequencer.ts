// Moves committed outbox rows into the log. One leader per database, fenced by epoch; everybody else stands by. It is
// woken by a poke after a commit, and looks by itself in any case: pokes are hints, polling is the truth.
import type { Database } from '../../db/index.ts';
import { sqlStateOf } from '../../db/index.ts';
import { failpoint } from '../../failpoints/index.ts';
import type { Logger } from '../../service/index.ts';
import type { Clock } from '../../time/index.ts';
import { createAdvanceListeners } from './advance-listeners.ts';
import { endFenceHolder, raiseFence } from './fence.ts';
import { createHousekeeping } from './housekeeping.ts';
import { BEAT_EVERY_MS, createLease, type Lease } from './lease.ts';
import { ensurePartitions, PARTITION_ROWS } from './outbox-partitions.ts';
import { runPass, stopReason } from './pass.ts';
import type { RetentionLimits } from './retention.ts';
import { createWakeablePause, withJitter } from './wakeable-pause.ts';

const SHORTEST_POLL_MS = 20;
const LONGEST_POLL_MS = 1000;
const POLL_GROWTH = 1.5;
const CHUNK_ROWS = 5000;
const LONGEST_BACKOFF_MS = 5000;

export interface SequencerOptions {
  /** A small pool of the service's database; at least two connections. */
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** Rows that one pass takes at most. Default 5,000. */
  readonly chunkRows?: number;
  /** Rows of one partition of outbox and log. Default 1,000,000. */
  readonly partitionRows?: number;
  /** Tells other processes of this database, and hears them. Without it they find out by polling, within a second. */
  readonly wakeups?: Wakeups;
  readonly retention?: RetentionLimits;
  readonly takeOverAfterMs?: number;
}

/** Hints between the processes of one database. */
export interface Wakeups {
  /** Something was committed here, and somebody else leads. */
  sendPoke(): void;
  /** The log has advanced here. */
  sendAdvance(): void;
  listen(handlers: { poke(): void; advance(): void }): () => void;
}

export interface SequencerStatus {
  /** `stopped`: the database was restored or moved, see `reason`; `failing`: it does not answer. */
  readonly state: 'standby' | 'leading' | 'stopped' | 'failing' | 'closed';
  readonly reason?: string;
  readonly epoch?: bigint;
  /** Rows that this process has put into the log. */
  readonly logged: number;
  readonly passes: number;
}

export interface Sequencer {
  /** Says that something was committed. Cheap; never throws. */
  poke(): void;
  status(): SequencerStatus;
  /** Calls the listener after the log has advanced, as far as this process knows. */
  onAdvance(listener: () => void): () => void;
  /** Passes once more when it leads, gives the lease up, and ends. */
  close(): Promise<void>;
}

export function startSequencer(options: SequencerOptions): Sequencer {
  const { database, clock, log, wakeups, chunkRows = CHUNK_ROWS, partitionRows = PARTITION_ROWS } = options;
  const service = database.service;
  const pause = createWakeablePause();
  const advances = createAdvanceListeners();
  const lease = createSequencerLease(options);
  const housekeeping = createHousekeeping(options);
  let closing = false;
  let state: SequencerStatus['state'] = 'standby';
  let reason: string | undefined;
  let logged = 0;
  let passes = 0;
  let beatAtMs = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let pollMs = SHORTEST_POLL_MS;
  // Partitions are looked after when rows were drawn, and at times in any case.
  let rowsSinceRoomCheck = Number.POSITIVE_INFINITY;
  let beatsSinceRoomCheck = 0;

  const enter = (next: SequencerStatus['state'], why?: string): void => {
    if (state === next && reason === why) return;
    const facts = { service, epoch: lease.epoch?.toString() };
    if (next === 'leading') log.info(facts, 'This process now sequences the events.');
    if (next === 'stopped') log.error(facts, why ?? '');
    state = next;
    reason = why;
  };

  const beat = async (): Promise<void> => {
    const held = await lease.hold();
    beatAtMs = clock.monotonicMs();
    if (!held) return enter('standby');
    if (state !== 'stopped') enter('leading');
    housekeeping.startWhenDue();
    beatsSinceRoomCheck += 1;
    if (rowsSinceRoomCheck > partitionRows / 10 || beatsSinceRoomCheck >= 10) await checkRoom();
  };

  const checkRoom = async (): Promise<void> => {
    await ensurePartitions(database, partitionRows);
    rowsSinceRoomCheck = 0;
    beatsSinceRoomCheck = 0;
  };

  /** @returns whether to pass again at once. */
  const pass = async (epoch: bigint): Promise<boolean> => {
    failpoint('sequencer.before-pass');
    const result = await runPass(database, epoch, chunkRows);
    passes += 1;
    failpoint('sequencer.after-pass');
    const stopped = stopReason(service, result.outcome);
    if (stopped !== undefined) {
      enter('stopped', stopped);
      return false;
    }
    if (result.outcome === 'fenced') {
      lease.lose();
      enter('standby');
      return false;
    }
    enter('leading');
    if (result.logged > 0) {
      logged += result.logged;
      rowsSinceRoomCheck += result.logged;
      advances.notify();
      wakeups?.sendAdvance();
      if (rowsSinceRoomCheck > partitionRows / 2) await checkRoom();
      pollMs = SHORTEST_POLL_MS;
    }
    return result.more;
  };

  /** @returns how long to wait before the next look. */
  const look = async (): Promise<number> => {
    if (clock.monotonicMs() - beatAtMs >= BEAT_EVERY_MS * 0.9) await beat();
    if (lease.epoch === undefined) return withJitter(BEAT_EVERY_MS / 2);
    if (await pass(lease.epoch)) return 0;
    if (state === 'stopped') return BEAT_EVERY_MS;
    pollMs = Math.min(LONGEST_POLL_MS, pollMs * POLL_GROWTH);
    return withJitter(pollMs);
  };

  const run = async (): Promise<void> => {
    while (!closing) {
      let waitMs: number;
      try {
        waitMs = await look();
        failures = 0;
      } catch (error) {
        failures += 1;
        waitMs = withJitter(Math.min(LONGEST_BACKOFF_MS, 50 * 2 ** Math.min(failures, 10)));
        if (failures === 3) log.warn({ service, error }, 'The events cannot be sequenced at present; trying again.');
        if (failures >= 3) enter('failing', error instanceof Error ? error.message : String(error));
        await freeFence(database, error);
      }
      if (waitMs > 0 && !closing && (await pause.wait(waitMs))) pollMs = SHORTEST_POLL_MS;
    }
  };

  const poke = (): void => {
    pause.wake();
    if (lease.epoch === undefined) wakeups?.sendPoke();
  };
  const deafen = wakeups?.listen({ poke: () => pause.wake(), advance: () => advances.notify() });
  const running = run();
  return {
    poke,
    onAdvance: advances.onAdvance,
    status: () => ({
      state,
      logged,
      passes,
      ...(reason === undefined ? {} : { reason }),
      ...(lease.epoch === undefined ? {} : { epoch: lease.epoch }),
    }),
    async close() {
      if (closing) return running;
      closing = true;
      pause.wake();
      deafen?.();
      await running;
      await housekeeping.done();
      await passLast(lease, pass);
      enter('closed');
    },
  };
}

function createSequencerLease({ database, clock, takeOverAfterMs }: SequencerOptions): Lease {
  return createLease({
    database,
    clock,
    name: 'sequencer',
    onTake: raiseFence,
    ...(takeOverAfterMs === undefined ? {} : { takeOverAfterMs }),
  });
}

// What was committed before the close is logged before the end, so that an orderly stop leaves nothing waiting.
async function passLast(lease: Lease, pass: (epoch: bigint) => Promise<boolean>): Promise<void> {
  try {
    while (lease.epoch !== undefined && (await pass(lease.epoch)));
    await lease.release();
  } catch {
    // The successor finds the session gone.
  }
}

// 55P03: the fence stayed locked longer than any pass takes.
async function freeFence(database: Database, error: unknown): Promise<void> {
  if (sqlStateOf(error) !== '55P03') return;
  await endFenceHolder(database).catch(() => {});
}
