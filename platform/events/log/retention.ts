// Removes old partitions of outbox and log, never a row that is not in the log yet or that a known consumer still
// needs, and never making a writer wait: DETACH CONCURRENTLY, then DROP. Each step can be taken up again after a crash.
// Only the limit of size goes past a consumer, and says so.
import type { Database } from '../../db/index.ts';
import { isTransient, sqlStateOf } from '../../db/index.ts';
import type { Logger } from '../../service/index.ts';
import type { Clock } from '../../time/index.ts';

export interface RetentionLimits {
  /** Age from the moment at which a whole partition was in the log. Default 7 days. */
  readonly keepMs?: number;
  /**
   * Size of outbox and log together, above which the oldest complete partitions go early, even before consumers that
   * still need them: the disk is finite. Default 20 GiB.
   */
  readonly keepBytes?: number;
  /** Time without a report after which a consumer holds nothing back any more. Default 30 days. */
  readonly forgetReadersMs?: number;
}

export interface RetentionOptions extends RetentionLimits {
  readonly database: Database;
  /** Domain time: a test that moves the clock sees events age. */
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the round before the next partition. */
  readonly signal?: AbortSignal;
}

const KEEP_MS = 7 * 24 * 3_600_000;
const KEEP_BYTES = 20 * 2 ** 30;
const FORGET_READERS_MS = 30 * 24 * 3_600_000;
/** Share of `keepBytes` above which events that are held back are warned of. */
const WARN_SHARE = 0.8;
const KEEP_CHECKPOINTS = 100n;

interface PartitionRow {
  from_seq: bigint;
  complete_at: Date | null;
  removing: boolean;
  bytes: bigint;
  last: boolean;
}

/** @returns how many partitions were removed. One that an open transaction still holds is left for the next time. */
export async function applyRetention(options: RetentionOptions): Promise<number> {
  const { database, clock, log } = options;
  await markDrawn(database);
  await markComplete(database, clock.now());
  let removed = 0;
  for (const from of await findRemovable(options)) {
    if (options.signal?.aborted) break;
    try {
      await removePartition(database, from);
      removed += 1;
    } catch (error) {
      if (!isTransient(error) && !isBesideAnother(error)) throw error;
      log.debug({ from: from.toString(), error }, 'A partition is still in use.');
      break;
    }
  }
  if (removed > 0) log.info({ removed }, 'Old events were removed.');
  return removed;
}

// Somebody else removes the same partition: it is being detached (55000), or gone (42P01, 42809).
function isBesideAnother(error: unknown): boolean {
  return ['55000', '42P01', '42809'].includes(sqlStateOf(error) ?? '');
}

/** Checkpoints are appended; the latest counts. */
export async function pruneCheckpoints(database: Database): Promise<void> {
  await database.query('delete from tradepost.checkpoints where n < (select max(n) from tradepost.checkpoints) - $1', [
    KEEP_CHECKPOINTS,
  ]);
}

// Two statements: the snapshot must be younger than the sequence's value that was read.
async function markDrawn(database: Database): Promise<void> {
  const [sequence] = await database.query<{ drawn: bigint }>('select last_value as drawn from tradepost.outbox_seq');
  await database.query(
    `update tradepost.outbox_partitions set drawn_xid = pg_snapshot_xmax(pg_current_snapshot())
     where drawn_xid is null and to_seq - 1 <= $1`,
    [sequence?.drawn],
  );
}

// Every transaction that may have drawn a number below `to_seq` has ended, and no row of it waits to be sequenced.
async function markComplete(database: Database, now: Date): Promise<void> {
  await database.query(
    `update tradepost.outbox_partitions p set complete_at = $1
     from (
       select seen, array(select pg_snapshot_xip(seen)) as open from tradepost.checkpoints order by n desc limit 1
     ) c
     where p.complete_at is null and p.drawn_xid <= pg_snapshot_xmin(pg_current_snapshot()) and not exists (
       select from tradepost.outbox o where o.seq >= p.from_seq and o.seq < p.to_seq
         and (o.txid = any (c.open) or o.txid >= pg_snapshot_xmax(c.seen)))`,
    [now],
  );
}

async function findRemovable(options: RetentionOptions): Promise<bigint[]> {
  const { database, clock, keepMs = KEEP_MS, keepBytes = KEEP_BYTES } = options;
  const rows = await database.query<PartitionRow>(`
    select from_seq, complete_at, removing, from_seq = max(from_seq) over () as last,
      coalesce(pg_total_relation_size(to_regclass('tradepost.outbox_' || from_seq)), 0)
      + coalesce(pg_total_relation_size(to_regclass('tradepost.log_' || from_seq)), 0) as bytes
    from tradepost.outbox_partitions order by from_seq`);
  let total = rows.reduce((sum, row) => sum + row.bytes, 0n);
  const oldest = clock.now().getTime() - keepMs;
  const removable: bigint[] = [];
  for (const row of rows) {
    const tooLarge = total > BigInt(keepBytes);
    const due = row.complete_at !== null && (row.complete_at.getTime() <= oldest || tooLarge);
    if (row.last || !(due || row.removing)) break;
    if (!row.removing && (await isHeldBack(options, row.from_seq, total))) break;
    total -= row.bytes;
    removable.push(row.from_seq);
  }
  return removable;
}

/** Whether consumers still need a partition and the size allows to keep it. Whatever is lost by size is said first. */
async function isHeldBack(options: RetentionOptions, from: bigint, total: bigint): Promise<boolean> {
  const { database, clock, log, keepBytes = KEEP_BYTES, forgetReadersMs = FORGET_READERS_MS } = options;
  const heardSince = new Date(clock.now().getTime() - forgetReadersMs);
  const consumers = await readersBefore(database, from, heardSince);
  if (consumers.length === 0) return false;
  const facts = { consumers, from: from.toString(), bytes: total.toString(), keepBytes };
  if (total > BigInt(keepBytes)) {
    log.error(facts, 'The events take more room than they may: some go that these consumers have not seen.');
    return false;
  }
  if (Number(total) > keepBytes * WARN_SHARE) {
    log.warn(facts, 'Old events wait for these consumers; above the size that is allowed they go all the same.');
  } else {
    log.info(facts, 'Old events wait for these consumers.');
  }
  return true;
}

/** @returns the consumers that have not taken everything of a partition. */
async function readersBefore(database: Database, from: bigint, heardSince: Date): Promise<string[]> {
  try {
    const rows = await database.query<{ consumer: string }>(
      `select distinct r.consumer from tradepost.log_readers r
       where r.reported_at >= $1 and exists (
         select from tradepost.log_${from} l where l.topic = r.topic and l.part = r.part
           and l.sequence > tradepost.present_position(r.topic, r.part, r.incarnation, r.after_sequence))
       order by r.consumer`,
      [heardSince],
    );
    return rows.map(({ consumer }) => consumer);
  } catch (error) {
    if (isBesideAnother(error)) return [];
    throw error;
  }
}

async function removePartition(database: Database, from: bigint): Promise<void> {
  await database.transaction(async (tx) => {
    const [marked] = await tx.query(
      'update tradepost.outbox_partitions set removing = true where from_seq = $1 and not removing returning from_seq',
      [from],
    );
    if (marked === undefined) return;
    // A row that came late has a higher sequence than its neighbours: whatever lies below the highest is given up.
    await tx.query(`
      update tradepost.log_parts p set first_retained = greatest(p.first_retained, gone.last + 1)
      from (select topic, part, max(sequence) as last from tradepost.log_${from} group by topic, part) gone
      where p.topic = gone.topic and p.part = gone.part`);
  });
  for (const parent of ['log', 'outbox']) await removeTable(database, parent, `${parent}_${from}`);
  await database.query('delete from tradepost.outbox_partitions where from_seq = $1', [from]);
}

async function removeTable(database: Database, parent: string, table: string): Promise<void> {
  const [attached] = await database.query<{ pending: boolean }>(
    'select inhdetachpending as pending from pg_inherits where inhrelid = to_regclass($1)',
    [`tradepost.${table}`],
  );
  if (attached !== undefined) {
    const how = attached.pending ? 'finalize' : 'concurrently';
    await database.query(`alter table tradepost.${parent} detach partition tradepost.${table} ${how}`);
  }
  await database.query(`drop table if exists tradepost.${table}`);
}
