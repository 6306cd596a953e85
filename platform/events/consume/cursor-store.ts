// The SQL of cursors: one record a batch, holding every partition. A record is appended only by the owner of the epoch,
// and only behind the record that it knows, so a zombie fails here and its transaction with it.
import type { Queryable } from '../../db/index.ts';

export interface PartitionCursor {
  readonly topic: string;
  readonly part: number;
  /** The last sequence that was applied, parked or skipped. */
  readonly after: bigint;
  readonly incarnation: string;
}

export interface CursorRecord {
  readonly n: bigint;
  readonly partitions: readonly PartitionCursor[];
}

export interface CursorIdentity {
  readonly consumer: string;
  readonly producer: string;
}

/** This consumer is owned by another process now, or its cursor was moved by one. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

// Records kept behind the newest: enough to read what happened, few enough to cost nothing.
const KEPT_RECORDS = 64n;

const READ_LAST = `
  select n, topics, parts, sequences::text[] as sequences, incarnations
  from tradepost.consumer_cursors
  where consumer = $1 and producer = $2
  order by n desc limit 1`;

interface CursorRow {
  n: bigint;
  topics: string[];
  parts: number[];
  sequences: string[];
  incarnations: string[];
}

/** @returns undefined for a consumer that has never run. */
export async function readCursor(sql: Queryable, { consumer, producer }: CursorIdentity) {
  const [row] = await sql.query<CursorRow>(READ_LAST, [consumer, producer]);
  if (row === undefined) return undefined;
  const partitions = row.topics.map((topic, index) => ({
    topic,
    part: Number(row.parts[index]),
    after: BigInt(row.sequences[index] as string),
    incarnation: row.incarnations[index] as string,
  }));
  return { n: BigInt(row.n), partitions } satisfies CursorRecord;
}

// No row is locked: whatever an owner writes appends the number behind the one it loaded, so of a zombie and its
// successor only one commits.
const APPEND = `
  insert into tradepost.consumer_cursors
    (consumer, producer, n, epoch, topics, parts, sequences, incarnations)
  select $3, $4, $5, lease.epoch, $6::text[], $7::integer[], $8::bigint[], $9::text[]
  from tradepost.leases lease
  where lease.name = $1 and lease.epoch = $2
  on conflict do nothing
  returning n`;

/**
 * Bounds how long the server waits for the next statement of this transaction. It is less than a rival waits before it
 * takes over, so the locks of a process that was stopped in the middle do not block its successor.
 */
export async function limitIdleTime(tx: Queryable): Promise<void> {
  await tx.query(`select set_config('idle_in_transaction_session_timeout', $1, true)`, ['2500ms']);
}

/**
 * Appends the record inside the transaction whose effects it stands for.
 * @throws FencedError when the epoch is no longer ours, or the number is taken.
 */
export async function appendCursor(
  tx: Queryable,
  identity: CursorIdentity,
  owner: { readonly lease: string; readonly epoch: bigint },
  record: CursorRecord,
): Promise<void> {
  const { partitions } = record;
  const appended = await tx.query(APPEND, [
    owner.lease,
    owner.epoch,
    identity.consumer,
    identity.producer,
    record.n,
    partitions.map(({ topic }) => topic),
    partitions.map(({ part }) => part),
    partitions.map(({ after }) => after),
    partitions.map(({ incarnation }) => incarnation),
  ]);
  if (appended.length === 0) throw new FencedError(`${identity.consumer} is owned by another process now`);
}

/** Removes records that no one needs any more. */
export async function pruneCursors(sql: Queryable, { consumer, producer }: CursorIdentity, n: bigint): Promise<void> {
  await sql.query('delete from tradepost.consumer_cursors where consumer = $1 and producer = $2 and n <= $3', [
    consumer,
    producer,
    n - KEPT_RECORDS,
  ]);
}
