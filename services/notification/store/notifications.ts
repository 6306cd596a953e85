// The only SQL on notifications.
import type { Queryable } from '@tradepost/platform/db';
import type { Position } from '@tradepost/platform/paging';

export type Status = 'queued' | 'sent' | 'delivered' | 'undelivered' | 'bounced' | 'not_sent';

export interface NewNotification {
  readonly userId: bigint;
  readonly message: string;
  readonly scoreChange: number;
  readonly status: Status;
  readonly reason: string;
  readonly sourceEventId: string | null;
}

export interface StoredNotification extends Omit<NewNotification, 'sourceEventId'> {
  readonly id: bigint;
  readonly createdAt: Date;
}

interface NotificationRow {
  id: bigint;
  user_id: bigint;
  message: string;
  score_change: number;
  status: Status;
  reason: string;
  created_at: Date;
}

const COLUMNS = 'id, user_id, message, score_change, status, reason, created_at';

function toNotification(row: NotificationRow): StoredNotification {
  return {
    id: row.id,
    userId: row.user_id,
    message: row.message,
    scoreChange: row.score_change,
    status: row.status,
    reason: row.reason,
    createdAt: row.created_at,
  };
}

/** @returns the ids, in the order given: they rise in that order too. */
export async function insertNotifications(
  db: Queryable,
  given: readonly NewNotification[],
  now: Date,
): Promise<bigint[]> {
  const rows = await db.query<{ id: bigint }>(
    `insert into notifications (user_id, message, score_change, status, reason, source_event_id, created_at)
     select user_id, message, score_change, status, reason, source_event_id, $7
     from unnest($1::bigint[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::uuid[])
       with ordinality as given (user_id, message, score_change, status, reason, source_event_id, n)
     order by n
     returning id`,
    [
      given.map((one) => one.userId),
      given.map((one) => one.message),
      given.map((one) => one.scoreChange),
      given.map((one) => one.status),
      given.map((one) => one.reason),
      given.map((one) => one.sourceEventId),
      now,
    ],
  );
  return rows.map((row) => row.id);
}

export interface StatusChange {
  readonly id: bigint;
  readonly status: Status;
  readonly reason: string;
}

/** Of several changes of one notification, the last stays. */
export async function setStatuses(db: Queryable, changes: readonly StatusChange[]): Promise<void> {
  const last = [...new Map(changes.map((change) => [change.id, change])).values()];
  await db.query(
    `update notifications set status = given.status, reason = given.reason
     from unnest($1::bigint[], $2::text[], $3::text[]) as given (id, status, reason)
     where notifications.id = given.id`,
    [last.map((change) => change.id), last.map((change) => change.status), last.map((change) => change.reason)],
  );
}

export async function findNotification(db: Queryable, id: bigint): Promise<StoredNotification | undefined> {
  const [row] = await db.query<NotificationRow>(`select ${COLUMNS} from notifications where id = $1`, [id]);
  return row && toNotification(row);
}

/** Newest first. @param userId 0 means everybody's. */
export async function listNotifications(
  db: Queryable,
  userId: bigint,
  after: Position | undefined,
  limit: number,
): Promise<StoredNotification[]> {
  const rows = await db.query<NotificationRow>(
    `select ${COLUMNS} from notifications
     where id < $1 ${userId === 0n ? 'and $2::bigint = 0' : 'and user_id = $2'}
     order by id desc limit $3`,
    [BigInt(after?.[0] ?? '9223372036854775807'), userId, limit],
  );
  return rows.map(toNotification);
}
