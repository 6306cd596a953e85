// The SQL by which a runner parks messages, takes them up again and settles them. Only the runner that owns the
// consumer calls it, in the transaction that appends its cursor; `next_at` says which rows it must look at, and when.
import type { Queryable } from '../../db/index.ts';
import type { LogRecord } from '../log/index.ts';
import type { CursorIdentity } from './cursor-store.ts';
import type { Failure } from './fingerprint.ts';

export type ParkedState = 'waiting' | 'held' | 'dead' | 'dropped' | 'resolved';

/** A message on its way into the table. */
export interface Parking {
  readonly record: LogRecord;
  readonly state: 'waiting' | 'held' | 'dead';
  readonly attempts: number;
  readonly nextAt: Date | undefined;
  readonly failure: Failure | undefined;
}

/** A row that is due: a message to try again, or a dropped one whose key may flow on. */
export interface DueMessage {
  readonly id: bigint;
  readonly state: ParkedState;
  readonly attempts: number;
  readonly record: LogRecord;
}

export interface BlockedKey {
  readonly topic: string;
  readonly key: string;
}

export interface ParkedCounts {
  readonly waiting: number;
  readonly held: number;
  readonly dead: number;
  /** The earliest moment at which a row is due. */
  readonly nextAt: Date | undefined;
}

const PARK = `
  insert into tradepost.parked_messages
    (consumer, producer, topic, part, sequence, incarnation, message_id, type, key, occurred_at, request_id,
     correlation_id, causation_id, traceparent, value, state, attempts, next_at, parked_at, first_failed_at,
     last_failed_at, error, stack, fingerprint)
  select $1, $2, topic, part, sequence, incarnation, message_id, type, key, occurred_at, request_id,
     correlation_id, causation_id, traceparent, value, state, attempts, next_at, $3::timestamptz,
     case when state = 'held' then null else $3::timestamptz end,
     case when state = 'held' then null else $3::timestamptz end, error, stack, fingerprint
  from unnest($4::text[], $5::integer[], $6::bigint[], $7::text[], $8::uuid[], $9::text[], $10::text[],
     $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::text[],
     $18::integer[], $19::timestamptz[], $20::text[], $21::text[], $22::text[]) with ordinality
     as parked (topic, part, sequence, incarnation, message_id, type, key, occurred_at, request_id,
     correlation_id, causation_id, traceparent, value, state, attempts, next_at, error, stack, fingerprint, place)
  order by place
  on conflict on constraint parked_messages_once do nothing`;

/** Parks in the given order, which is the order within each key. */
export async function park(
  tx: Queryable,
  { consumer, producer }: CursorIdentity,
  now: Date,
  parkings: readonly Parking[],
): Promise<void> {
  if (parkings.length === 0) return;
  const records = parkings.map(({ record }) => record);
  await tx.query(PARK, [
    consumer,
    producer,
    now,
    records.map((record) => record.topic),
    records.map((record) => record.part),
    records.map((record) => record.sequence),
    records.map((record) => record.incarnation),
    records.map((record) => record.id),
    records.map((record) => record.type),
    records.map((record) => record.key),
    records.map((record) => record.occurredAt),
    records.map((record) => record.requestId),
    records.map((record) => record.correlationId),
    records.map((record) => record.causationId ?? null),
    records.map((record) => record.traceparent ?? null),
    records.map((record) => Buffer.from(record.value)),
    parkings.map(({ state }) => state),
    parkings.map(({ attempts }) => attempts),
    parkings.map(({ nextAt }) => nextAt ?? null),
    parkings.map(({ failure }) => failure?.error ?? ''),
    parkings.map(({ failure }) => failure?.stack ?? ''),
    parkings.map(({ failure }) => failure?.fingerprint ?? ''),
  ]);
}

/** The row was settled by somebody else since it was read: whatever was done for it must not be committed. */
export class ParkedChangedError extends Error {
  override readonly name = 'ParkedChangedError';
}

const DUE_COLUMNS = `
  id, state, attempts, message_id, type, topic, part, sequence, incarnation, key, occurred_at, request_id,
  correlation_id, causation_id, traceparent, value`;

interface DueRow {
  id: bigint;
  state: ParkedState;
  attempts: number;
  message_id: string;
  type: string;
  topic: string;
  part: number;
  sequence: bigint;
  incarnation: string;
  key: string;
  occurred_at: Date;
  request_id: string;
  correlation_id: string;
  causation_id: string | null;
  traceparent: string | null;
  value: Buffer;
}

/** @returns the rows that are due, in the order in which they were parked. */
export async function readDue(
  sql: Queryable,
  { consumer, producer }: CursorIdentity,
  now: Date,
  limit: number,
): Promise<DueMessage[]> {
  const rows = await sql.query<DueRow>(
    `select ${DUE_COLUMNS} from tradepost.parked_messages
     where consumer = $1 and producer = $2 and next_at <= $3
     order by id limit $4`,
    [consumer, producer, now, limit],
  );
  return rows.map((row) => toDueMessage(producer, row));
}

/** @returns the first message of each key that is due to be tried again, oldest first. */
export async function readDueKeys(
  sql: Queryable,
  { consumer, producer }: CursorIdentity,
  now: Date,
  limit: number,
): Promise<DueMessage[]> {
  const rows = await sql.query<DueRow>(
    `select ${DUE_COLUMNS} from tradepost.parked_messages where id in (
       select min(id) from tradepost.parked_messages
       where consumer = $1 and producer = $2 and next_at <= $3 and state = 'waiting'
       group by topic, key order by min(id) limit $4)
     order by id`,
    [consumer, producer, now, limit],
  );
  return rows.map((row) => toDueMessage(producer, row));
}

function toDueMessage(producer: string, row: DueRow): DueMessage {
  return {
    id: BigInt(row.id),
    state: row.state,
    attempts: row.attempts,
    record: {
      id: row.message_id,
      producer,
      type: row.type,
      topic: row.topic,
      part: row.part,
      sequence: BigInt(row.sequence),
      incarnation: row.incarnation,
      key: row.key,
      occurredAt: row.occurred_at,
      requestId: row.request_id,
      correlationId: row.correlation_id,
      ...(row.causation_id === null ? {} : { causationId: row.causation_id }),
      ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
      value: row.value,
    },
  };
}

/**
 * Locks messages before they are applied: a drop that comes now waits, and is refused once they are.
 * @throws ParkedChangedError when one of them waits no more.
 */
export async function lockWaiting(tx: Queryable, ids: readonly bigint[]): Promise<void> {
  const locked = await tx.query(
    `select id from tradepost.parked_messages where id = any($1::bigint[]) and state = 'waiting' order by id for update`,
    [ids],
  );
  if (locked.length !== ids.length) throw new ParkedChangedError('A parked message was settled by somebody else.');
}

/** Marks messages as applied. */
export async function resolveParked(tx: Queryable, now: Date, ids: readonly bigint[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.query(
    `update tradepost.parked_messages
     set state = 'resolved', next_at = null, settled_at = $2, attempts = attempts + 1
     where id = any($1::bigint[]) and state = 'waiting'`,
    [ids, now],
  );
}

/** Records a failed attempt of a parked message, and holds what was to follow it. */
export async function failParked(
  tx: Queryable,
  { consumer, producer }: CursorIdentity,
  now: Date,
  due: DueMessage,
  failed: { readonly nextAt: Date | undefined; readonly failure: Failure; readonly holdsKey: boolean },
): Promise<void> {
  const { failure } = failed;
  await tx.query(
    `update tradepost.parked_messages
     set state = $2, next_at = $3, attempts = attempts + 1, first_failed_at = coalesce(first_failed_at, $4),
       last_failed_at = $4, error = $5, stack = $6, fingerprint = $7
     where id = $1 and state = 'waiting'`,
    [
      due.id,
      failed.nextAt === undefined ? 'dead' : 'waiting',
      failed.nextAt ?? null,
      now,
      failure.error,
      failure.stack,
      failure.fingerprint,
    ],
  );
  if (!failed.holdsKey) return;
  await tx.query(
    `update tradepost.parked_messages set state = 'held', next_at = null
     where consumer = $1 and producer = $2 and topic = $3 and key = $4 and id > $5 and state = 'waiting'`,
    [consumer, producer, due.record.topic, due.record.key, due.id],
  );
}

/**
 * Lets flow on what waited behind settled messages: held rows of these keys become due, unless one that waits or is
 * dead still stands before them. @returns the keys that are still blocked.
 */
export async function releaseKeys(
  tx: Queryable,
  { consumer, producer }: CursorIdentity,
  now: Date,
  keys: readonly BlockedKey[],
): Promise<BlockedKey[]> {
  if (keys.length === 0) return [];
  const parameters = [consumer, producer, keys.map(({ topic }) => topic), keys.map(({ key }) => key)];
  await tx.query(
    `update tradepost.parked_messages held set state = 'waiting', next_at = $5
     from unnest($3::text[], $4::text[]) as settled (topic, key)
     where held.consumer = $1 and held.producer = $2 and held.topic = settled.topic and held.key = settled.key
       and held.state = 'held' and not exists (
         select from tradepost.parked_messages earlier
         where earlier.consumer = $1 and earlier.producer = $2 and earlier.topic = held.topic
           and earlier.key = held.key and earlier.id < held.id
           and (earlier.state = 'dead' or earlier.state = 'waiting' and earlier.next_at > $5))`,
    [...parameters, now],
  );
  return await tx.query<BlockedKey>(
    `select distinct parked.topic, parked.key
     from unnest($3::text[], $4::text[]) as settled (topic, key)
     join tradepost.parked_messages parked using (topic, key)
     where parked.consumer = $1 and parked.producer = $2 and parked.state in ('waiting', 'held', 'dead')`,
    parameters,
  );
}

/** Notes that a drop was seen. */
export async function clearDropped(tx: Queryable, ids: readonly bigint[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.query(`update tradepost.parked_messages set next_at = null where id = any($1::bigint[])`, [ids]);
}

/** @returns every key that a message blocks. */
export async function readBlockedKeys(sql: Queryable, { consumer, producer }: CursorIdentity): Promise<BlockedKey[]> {
  return await sql.query<BlockedKey>(
    `select distinct topic, key from tradepost.parked_messages
     where consumer = $1 and producer = $2 and state in ('waiting', 'held', 'dead')`,
    [consumer, producer],
  );
}

export async function countParked(sql: Queryable, { consumer, producer }: CursorIdentity): Promise<ParkedCounts> {
  const [row] = await sql.query<{ waiting: number; held: number; dead: number; next_at: Date | null }>(
    `select count(*) filter (where state = 'waiting')::integer as waiting,
       count(*) filter (where state = 'held')::integer as held,
       count(*) filter (where state = 'dead')::integer as dead,
       (select min(next_at) from tradepost.parked_messages
        where consumer = $1 and producer = $2 and next_at is not null) as next_at
     from tradepost.parked_messages
     where consumer = $1 and producer = $2 and state in ('waiting', 'held', 'dead')`,
    [consumer, producer],
  );
  return {
    waiting: row?.waiting ?? 0,
    held: row?.held ?? 0,
    dead: row?.dead ?? 0,
    nextAt: row?.next_at ?? undefined,
  };
}

/** Removes what was settled before the moment, a bounded number at a time. */
export async function pruneParked(sql: Queryable, { consumer, producer }: CursorIdentity, before: Date): Promise<void> {
  await sql.query(
    `delete from tradepost.parked_messages where id in (
       select id from tradepost.parked_messages
       where consumer = $1 and producer = $2 and state in ('resolved', 'dropped') and next_at is null
         and settled_at < $3
       limit 5000)`,
    [consumer, producer, before],
  );
}

/** @returns how many rows the runner should look at by now. */
export async function countDue(sql: Queryable, { consumer, producer }: CursorIdentity, now: Date): Promise<number> {
  const [row] = await sql.query<{ due: number }>(
    `select count(*)::integer as due from tradepost.parked_messages
     where consumer = $1 and producer = $2 and next_at <= $3`,
    [consumer, producer, now],
  );
  return row?.due ?? 0;
}
