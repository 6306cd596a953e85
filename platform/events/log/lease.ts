// Leadership without a wall clock. The owner counts `beats`; a rival takes over when they stood still for 3 s of its
// own monotonic clock, or at once when the owner's session is gone from the server. Every owner has an epoch of its
// own, larger than all before: whoever writes under a lease checks it, for a former owner may still believe.
import { randomUUID } from 'node:crypto';
import type { Database, SqlTransaction } from '../../db/index.ts';
import type { Clock } from '../../time/index.ts';

/** Time without a beat after which a lease is free. A session that holds what a successor needs must end sooner. */
export const TAKE_OVER_AFTER_MS = 3000;
/** How often the owner beats and a rival looks. */
export const BEAT_EVERY_MS = 1000;

interface LeaseRow {
  owner: string;
  epoch: bigint;
  beats: bigint;
  alive: boolean;
}

export interface LeaseOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** What is led: `sequencer`. */
  readonly name: string;
  /** Runs in the transaction that takes the lease, to fence the former owner. */
  readonly onTake?: (tx: SqlTransaction, epoch: bigint) => Promise<void>;
  readonly takeOverAfterMs?: number;
}

export interface Lease {
  /** The epoch under which it is held by us, as far as we know. */
  readonly epoch: bigint | undefined;
  /**
   * Beats when it is ours, otherwise takes it when it is free. Call it about once a second.
   * @returns whether it is ours.
   */
  hold(): Promise<boolean>;
  /** Forgets that it is ours, after a write was refused. */
  lose(): void;
  /** Frees it for a successor at once. */
  release(): Promise<void>;
}

const BEAT = `
  update tradepost.leases set beats = beats + 1, backend_pid = pg_backend_pid(), backend_started_at = s.backend_start
  from pg_stat_get_activity(pg_backend_pid()) s
  where name = $1 and owner = $2 and epoch = $3 returning epoch`;

const LOOK = `
  select l.owner, l.epoch, l.beats, exists (
    select from pg_stat_activity a where a.pid = l.backend_pid and a.backend_start = l.backend_started_at
  ) as alive
  from tradepost.leases l where l.name = $1`;

// The row is taken only as it was seen: of two rivals one finds that nothing is left to update.
const TAKE = `
  insert into tradepost.leases as l (name, owner, epoch, beats, backend_pid, backend_started_at)
  select $1, $2, 1, 1, pg_backend_pid(), s.backend_start from pg_stat_get_activity(pg_backend_pid()) s
  on conflict (name) do update set owner = excluded.owner, epoch = l.epoch + 1, beats = l.beats + 1,
    backend_pid = excluded.backend_pid, backend_started_at = excluded.backend_started_at
  where l.epoch = $3 and l.beats = $4
  returning epoch`;

// A process that is stopped while it takes the lease must not keep others from it.
const SHORT_TIMEOUTS = `
  select set_config('lock_timeout', '1000', true), set_config('idle_in_transaction_session_timeout', '2000', true)`;

const RELEASE = `
  update tradepost.leases set beats = beats + 1, backend_pid = 0 where name = $1 and owner = $2 and epoch = $3`;

export function createLease(options: LeaseOptions): Lease {
  const { database, clock, name, takeOverAfterMs = TAKE_OVER_AFTER_MS } = options;
  const owner = randomUUID();
  let epoch: bigint | undefined;
  let seen: { epoch: bigint; beats: bigint; sinceMs: number } | undefined;

  const isFree = (row: LeaseRow): boolean => {
    if (!row.alive) return true;
    if (seen?.epoch !== row.epoch || seen.beats !== row.beats) {
      seen = { epoch: row.epoch, beats: row.beats, sinceMs: clock.monotonicMs() };
    }
    return clock.monotonicMs() - seen.sinceMs >= takeOverAfterMs;
  };

  const take = (row: LeaseRow | undefined): Promise<bigint | undefined> =>
    database.transaction(async (tx) => {
      await tx.query(SHORT_TIMEOUTS, []);
      const [taken] = await tx.query<{ epoch: bigint }>(TAKE, [name, owner, row?.epoch ?? 0n, row?.beats ?? 0n]);
      if (taken !== undefined) await options.onTake?.(tx, taken.epoch);
      return taken?.epoch;
    });

  return {
    get epoch() {
      return epoch;
    },
    async hold() {
      if (epoch !== undefined) {
        const [beaten] = await database.query(BEAT, [name, owner, epoch]);
        if (beaten !== undefined) return true;
        epoch = undefined;
      }
      const [row] = await database.query<LeaseRow>(LOOK, [name]);
      if (row !== undefined && !isFree(row)) return false;
      epoch = await take(row);
      return epoch !== undefined;
    },
    lose() {
      epoch = undefined;
    },
    async release() {
      if (epoch === undefined) return;
      const held = epoch;
      epoch = undefined;
      await database.query(RELEASE, [name, owner, held]);
    },
  };
}
