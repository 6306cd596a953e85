// What must hold of a log, read from the tables alone. Ask when the database is at rest: nobody writes, no transaction
// is open, and the sequencer has found nothing more to do.
import type { Queryable } from '../db/index.ts';

export interface LogFindings {
  readonly committed: bigint;
  /** Committed rows that are not in the log. */
  readonly lost: bigint;
  /** Rows that are in the log more than once. */
  readonly repeated: bigint;
  /** Entries of the log that belong to no row. */
  readonly invented: bigint;
  /** (topic, part) whose sequences are not 1, 2, 3, … */
  readonly sparse: bigint;
}

/** Holds for a log from which retention has removed nothing. */
export async function examineLog(database: Queryable): Promise<LogFindings> {
  const [findings] = await database.query<LogFindings>(`
    select
      (select count(*) from tradepost.outbox) as committed,
      (select count(*) from tradepost.outbox o
       where not exists (select from tradepost.log l where l.seq = o.seq)) as lost,
      (select count(*) from (select seq from tradepost.log group by seq having count(*) > 1) d) as repeated,
      (select count(*) from tradepost.log l where not exists (
        select from tradepost.outbox o where o.seq = l.seq and o.topic = l.topic and o.part = l.part)) as invented,
      (select count(*) from (
        select 1 from tradepost.log group by topic, part
        having min(sequence) <> 1 or max(sequence) <> count(*) or count(distinct sequence) <> count(*)) s) as sparse`);
  return findings as LogFindings;
}

/** @returns whether nothing is lost, repeated, invented or out of its numbers. */
export function isSound({ lost, repeated, invented, sparse }: LogFindings): boolean {
  return lost === 0n && repeated === 0n && invented === 0n && sparse === 0n;
}
