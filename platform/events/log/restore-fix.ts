// Puts a restored database in order. Transaction ids of another server or time mean nothing here: rows that are not in
// the log are stamped anew, all others out of the way, and a new incarnation begins where the log now ends.
import type { Database, Queryable } from '../../db/index.ts';

export interface RestoreFixResult {
  /** Rows that were committed before the restore and never sequenced: they are delivered now. */
  readonly pending: number;
  readonly incarnation: string;
}

/**
 * May run while services do: everybody else who leads is fenced. Running it again opens one more incarnation and harms
 * nothing else.
 */
export function restoreFix(database: Database): Promise<RestoreFixResult> {
  return database.transaction(async (tx) => {
    // It reads the whole outbox, however large.
    await tx.query(`select set_config('statement_timeout', '0', true)`);
    await tx.query('update tradepost.fence set epoch = epoch + 1');
    await tx.query('update tradepost.leases set epoch = epoch + 1, backend_pid = 0 where name = $1', ['sequencer']);
    await moveSequence(tx);
    const seen = await takeSnapshot(tx);
    const pending = await stampRows(tx, seen);
    await tx.query(
      'insert into tradepost.checkpoints (n, seen) select max(n) + 1, $1::pg_snapshot from tradepost.checkpoints',
      [seen],
    );
    return { pending, incarnation: await openIncarnation(tx) };
  });
}

async function moveSequence(tx: Queryable): Promise<void> {
  await tx.query(`
    select setval('tradepost.outbox_seq', greatest(s.last_value, (select max(seq) from tradepost.outbox)))
    from tradepost.outbox_seq s`);
}

/**
 * What is committed now, without this transaction: to itself it looks committed, and the rows that it stamps would
 * count as seen. Taken before the stamping, so that a row that commits in between is either stamped or still unseen.
 */
async function takeSnapshot(tx: Queryable): Promise<string> {
  await tx.query('select pg_current_xact_id()');
  const [row] = await tx.query<{ seen: string }>(`
    select case when own >= pg_snapshot_xmax(present) then present::text else format('%s:%s:%s',
      least(pg_snapshot_xmin(present)::text::numeric, own::text::numeric), pg_snapshot_xmax(present),
      (select string_agg(open.txid::text, ',' order by open.txid)
       from (select pg_snapshot_xip(present) union select own) open (txid))) end as seen
    from (select pg_current_snapshot() as present, pg_current_xact_id() as own) now`);
  return (row as { seen: string }).seen;
}

async function stampRows(tx: Queryable, seen: string): Promise<number> {
  const [row] = await tx.query<{ count: bigint }>(
    `with pending as (
       update tradepost.outbox o set txid = pg_current_xact_id()
       where not exists (select from tradepost.log l where l.seq = o.seq) returning 1
     )
     select count(*) from pending`,
  );
  // Logged rows with ids that this server has yet to give away would be taken for new ones one day.
  await tx.query(
    `update tradepost.outbox o set txid = '1'
     where not pg_visible_in_snapshot(o.txid, $1::pg_snapshot)
       and exists (select from tradepost.log l where l.seq = o.seq)`,
    [seen],
  );
  return Number((row as { count: bigint }).count);
}

async function openIncarnation(tx: Queryable): Promise<string> {
  const [opened] = await tx.query<{ n: number; id: string }>(`
    insert into tradepost.incarnations (n, system_identifier, timeline)
    select (select max(n) + 1 from tradepost.incarnations), system_identifier, tradepost.server_timeline()
    from pg_control_system() returning n, id`);
  const { n, id } = opened as { n: number; id: string };
  await tx.query(
    `insert into tradepost.incarnation_starts (n, topic, part, after_sequence)
     select $1, p.topic, p.part, greatest(
       (select max(l.sequence) from tradepost.log l where l.topic = p.topic and l.part = p.part), p.first_retained - 1)
     from tradepost.log_parts p`,
    [n],
  );
  return id;
}
