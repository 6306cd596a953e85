// What is committed and not in the log yet: the sequencer's own window, so it costs as little as a pass that finds
// nothing.
import type { Queryable } from '../../db/index.ts';

export interface PendingEvents {
  readonly count: bigint;
  /** Domain time of the oldest; undefined when nothing waits. */
  readonly oldestAt: Date | undefined;
}

const PENDING = `
  with c as materialized (
    select seen, target, after_seq, array(select pg_snapshot_xip(seen)) as open
    from tradepost.checkpoints order by n desc limit $1
  )
  select count(*) as count, min(o.occurred_at) as oldest_at
  from c cross join lateral (
    select seq, txid, occurred_at from tradepost.outbox where txid = any (c.open)
    union all
    select seq, txid, occurred_at from tradepost.outbox where txid >= pg_snapshot_xmax(c.seen)
  ) o
  -- Of a backlog that is taken in chunks, what lies up to after_seq is logged.
  where c.target is null or o.seq > c.after_seq or not pg_visible_in_snapshot(o.txid, c.target)`;

export async function readPending(database: Queryable): Promise<PendingEvents> {
  const [row] = await database.query<{ count: bigint; oldest_at: Date | null }>(PENDING, [1]);
  return { count: row?.count ?? 0n, oldestAt: row?.oldest_at ?? undefined };
}
