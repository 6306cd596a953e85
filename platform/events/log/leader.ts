// What the leader of a log does: it keeps its lease, keeps room ahead of the producers, and passes. Whoever does not
// hold the lease does nothing of it.
import type { Database } from '../../db/index.ts';
import { sqlStateOf } from '../../db/index.ts';
import { failpoint } from '../../failpoints/index.ts';
import type { Clock } from '../../time/index.ts';
import { endFenceHolder, raiseFence } from './fence.ts';
import { BEAT_EVERY_MS, createLease } from './lease.ts';
import { createRoomKeeper, PARTITION_ROWS } from './outbox-partitions.ts';
import { type PassResult, runPass } from './pass.ts';

const CHUNK_ROWS = 5000;

export interface LeaderOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** Rows that one pass takes at most. Default 5,000. */
  readonly chunkRows?: number;
  /** Rows of one partition of outbox and log. Default 1,000,000. */
  readonly partitionRows?: number;
  /** Default 3,000. */
  readonly takeOverAfterMs?: number;
}

export interface Leader {
  /** Undefined while somebody else leads, or nobody. */
  readonly epoch: bigint | undefined;
  /** Holds the lease, or tries to take it, when the last beat is long enough ago. @returns whether it beat. */
  beatWhenDue(): Promise<boolean>;
  /** Only while it leads. The lease is given up when the pass was fenced. */
  pass(): Promise<PassResult>;
  resign(): Promise<void>;
}

export function createLeader(options: LeaderOptions): Leader {
  const { database, clock, chunkRows = CHUNK_ROWS, partitionRows = PARTITION_ROWS, takeOverAfterMs } = options;
  const room = createRoomKeeper(database, partitionRows);
  const lease = createLease({
    database,
    clock,
    name: 'sequencer',
    onTake: raiseFence,
    ...(takeOverAfterMs === undefined ? {} : { takeOverAfterMs }),
  });
  let beatAtMs = Number.NEGATIVE_INFINITY;
  return {
    get epoch() {
      return lease.epoch;
    },
    async beatWhenDue() {
      if (clock.monotonicMs() - beatAtMs < BEAT_EVERY_MS * 0.9) return false;
      if (await freeingFence(database, () => lease.hold())) await room.lookWhenDue();
      beatAtMs = clock.monotonicMs();
      return true;
    },
    async pass() {
      if (lease.epoch === undefined) throw new Error('Only the leader may pass.');
      failpoint('sequencer.before-pass');
      const { epoch } = lease;
      const result = await freeingFence(database, () => runPass(database, epoch, chunkRows));
      failpoint('sequencer.after-pass');
      if (result.outcome === 'fenced') {
        lease.lose();
        beatAtMs = Number.NEGATIVE_INFINITY;
      }
      await room.count(result.logged);
      return result;
    },
    resign: () => lease.release(),
  };
}

// 55P03: the fence stayed locked longer than any pass takes. Other work that waited in vain for a lock proves nothing.
async function freeingFence<T>(database: Database, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (sqlStateOf(error) === '55P03') await endFenceHolder(database).catch(() => {});
    throw error;
  }
}
