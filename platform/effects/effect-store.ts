// The SQL of intents. An intent is claimed by nobody: the owner of the lease performs them, and whatever it records
// checks the epoch and the attempt, so that of two who performed the same intent only one records it.
import type { Queryable } from '../db/index.ts';
import { type BufferedIntent, FencedError } from '../events/index.ts';
import type { Cause } from '../service/index.ts';
import { uuidv7 } from '../time/index.ts';
import { decodeIntent, encodeIntent } from './intent-codec.ts';

export interface DueIntent {
  readonly id: string;
  readonly key: string;
  readonly intent: unknown;
  readonly cause: Cause;
  /** Attempts so far. */
  readonly attempts: number;
  /** Who began an attempt of which nothing is recorded. */
  readonly begunBy: string | null;
}

export type IntentState = 'pending' | 'done' | 'rejected' | 'given_up';

export interface IntentCounts {
  readonly pending: number;
  /** Of the pending ones, those whose time and turn have come. */
  readonly due: number;
  /** Rejected or given up. */
  readonly failed: number;
}

const INSERT = `
  insert into tradepost.effects (id, name, key, intent, cause, created_at, next_at)
  select id, name, key, intent, cause, created_at, next_at
  from unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::timestamptz[], $7::timestamptz[])
    with ordinality as given (id, name, key, intent, cause, created_at, next_at, place)
  order by place`;

// Before any moment: what is due at once is so too when the clock steps back.
const DUE_AT_ONCE = new Date(0);

/** Writes the intents of a transaction with one statement, in order. */
export async function insertIntents(sql: Queryable, intents: readonly BufferedIntent[]): Promise<void> {
  if (intents.length === 0) return;
  await sql.query(INSERT, [
    intents.map(() => uuidv7()),
    intents.map(({ effect }) => effect),
    intents.map(({ key }) => key),
    intents.map(({ intent }) => encodeIntent(intent)),
    intents.map(({ cause }) => encodeIntent(cause)),
    intents.map(({ createdAt }) => createdAt),
    intents.map(({ notBefore }) => notBefore ?? DUE_AT_ONCE),
  ]);
}

// Only the first open intent of a key may be performed: those behind it wait for it. One pass over what is pending; an
// anti-join would look at all of it again for each of them, as long as the planner believes the table to be small.
const FIRST_OF_KEYS = `
  select distinct on (key) id, key, seq, next_at, begun_by from tradepost.effects
  where name = $1 and state = 'pending' order by key, seq`;

const READ_DUE = `
  select effect.id, effect.key, effect.intent, effect.cause, effect.attempts, effect.begun_by as "begunBy"
  from (
    select id, seq from (${FIRST_OF_KEYS}) as first
    where next_at <= $2 and key <> all ($3::text[])
      and (begun_by is null or $5::text[] is null or begun_by = any ($5))
    order by seq limit $4
  ) as due
  join tradepost.effects effect on effect.id = due.id
  order by due.seq`;

/**
 * @param busyKeys keys of which an intent is under way.
 * @param passable whose begun intents may be performed again; null means anybody's.
 * @returns what may be performed now, oldest first.
 */
export async function readDueIntents(
  sql: Queryable,
  name: string,
  now: Date,
  busyKeys: readonly string[],
  limit: number,
  passable: readonly string[] | null,
): Promise<DueIntent[]> {
  const rows = await sql.query<DueIntent>(READ_DUE, [name, now, busyKeys, limit, passable]);
  return rows.map((row) => ({ ...row, intent: decodeIntent(row.intent), cause: decodeIntent(row.cause) as Cause }));
}

/** @returns who began what is pending and not recorded. */
export async function readBeginners(sql: Queryable, name: string): Promise<string[]> {
  const rows = await sql.query<{ begunBy: string }>(
    `select distinct begun_by as "begunBy" from tradepost.effects
     where name = $1 and state = 'pending' and begun_by is not null`,
    [name],
  );
  return rows.map(({ begunBy }) => begunBy);
}

// Marked only as it was read: of two who want to begin the same intent, one finds another's mark.
const MARK_BEGUN = `
  update tradepost.effects set begun_by = $3
  from unnest($1::uuid[], $2::text[]) as read (id, begun_by), tradepost.leases lease
  where lease.name = $4 and lease.epoch = $5 and effects.id = read.id and effects.state = 'pending'
    and effects.begun_by is not distinct from read.begun_by
  returning effects.id`;

/** Marks intents before their attempts. @returns those that may be performed: none when another owns the effects. */
export async function markBegun(
  sql: Queryable,
  lease: string,
  epoch: bigint,
  runner: string,
  read: readonly DueIntent[],
): Promise<DueIntent[]> {
  const ids = read.map(({ id }) => id);
  const rows = await sql.query<{ id: string }>(MARK_BEGUN, [
    ids,
    read.map(({ begunBy }) => begunBy),
    runner,
    lease,
    epoch,
  ]);
  const marked = new Set(rows.map(({ id }) => id));
  return read.filter(({ id }) => marked.has(id));
}

/** @returns the earliest moment after `now` at which an intent becomes due. */
export async function readNextDue(sql: Queryable, name: string, now: Date): Promise<Date | undefined> {
  const [row] = await sql.query<{ next_at: Date | null }>(
    `select min(next_at) as next_at from (${FIRST_OF_KEYS}) as first where next_at > $2`,
    [name, now],
  );
  return row?.next_at ?? undefined;
}

export interface AttemptRecord {
  readonly state: IntentState;
  readonly attempts: number;
  readonly nextAt: Date | undefined;
  readonly detail: string;
  readonly fingerprint: string;
}

/** An attempt, and the lease's epoch under which it was made. */
export interface MadeAttempt {
  readonly due: DueIntent;
  readonly epoch: bigint;
  readonly record: AttemptRecord;
}

const RECORD = `
  update tradepost.effects
  set state = made.state, attempts = made.attempts, next_at = made.next_at, detail = made.detail,
    fingerprint = made.fingerprint, begun_by = null,
    settled_at = case when made.next_at is null then $10::timestamptz end
  from unnest($1::uuid[], $2::integer[], $3::bigint[], $4::text[], $5::integer[], $6::timestamptz[], $7::text[],
      $8::text[]) as made (id, former_attempts, epoch, state, attempts, next_at, detail, fingerprint)
  join tradepost.leases lease on lease.name = $9 and lease.epoch = made.epoch
  where effects.id = made.id and effects.state = 'pending' and effects.attempts = made.former_attempts
  returning effects.id`;

/** @throws FencedError when another process owns the effects, or has recorded one of these attempts. */
export async function recordAttempts(
  tx: Queryable,
  lease: string,
  made: readonly MadeAttempt[],
  now: Date,
): Promise<void> {
  const recorded = await tx.query(RECORD, [
    made.map(({ due }) => due.id),
    made.map(({ due }) => due.attempts),
    made.map(({ epoch }) => epoch),
    made.map(({ record }) => record.state),
    made.map(({ record }) => record.attempts),
    made.map(({ record }) => record.nextAt ?? null),
    made.map(({ record }) => record.detail),
    made.map(({ record }) => record.fingerprint),
    lease,
    now,
  ]);
  if (recorded.length < made.length) {
    const ids = made.map(({ due }) => due.id).join(', ');
    throw new FencedError(`of ${ids} some were recorded by another process`);
  }
}

export async function countIntents(sql: Queryable, name: string, now: Date): Promise<IntentCounts> {
  const [row] = await sql.query<IntentCounts>(
    `select count(*) filter (where state = 'pending')::integer as pending,
       (select count(*)::integer from (${FIRST_OF_KEYS}) as first where next_at <= $2) as due,
       count(*) filter (where state in ('rejected', 'given_up'))::integer as failed
     from tradepost.effects effect where name = $1 and state <> 'done'`,
    [name, now],
  );
  return row ?? { pending: 0, due: 0, failed: 0 };
}

/** Removes what was done before the moment, a bounded number at a time. */
export async function pruneIntents(sql: Queryable, before: Date): Promise<void> {
  await sql.query(
    `delete from tradepost.effects where id in (
       select id from tradepost.effects where state = 'done' and settled_at < $1 limit 5000)`,
    [before],
  );
}
