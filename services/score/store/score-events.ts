// Score events and the present score that follows from them.
import type { Queryable } from '@tradepost/platform/db';
import type { Position } from '@tradepost/platform/paging';

export interface NewScoreEvent {
  readonly userId: bigint;
  readonly newScore: number;
  readonly change: number;
}

export interface StoredScoreEvent extends NewScoreEvent {
  readonly eventId: bigint;
  readonly createdAt: Date;
}

/**
 * Stores events in the order given and moves the scores; one statement. Locking a person's score row comes before an
 * event's id is taken, so the ids of one person rise in the order of commits.
 * @returns the id of each event, by its place; none for a person who does not exist.
 */
export async function insertScoreEvents(
  db: Queryable,
  given: readonly NewScoreEvent[],
  now: Date,
): Promise<Map<number, bigint>> {
  const rows = await db.query<{ place: number; event_id: bigint }>(
    `with given as (
       select * from unnest($1::bigint[], $2::integer[], $3::integer[])
         with ordinality as item (user_id, new_score, change, place)
     ), accepted as materialized (
       select given.* from given join people on people.user_id = given.user_id and not people.deleted
     ), latest as (
       select distinct on (user_id) user_id, new_score, change,
         count(*) over (partition by user_id) as events
       from accepted order by user_id, place desc
     ), locked as (
       insert into scores (user_id, score, last_change, events, updated_at)
       select user_id, new_score, change, events, $4 from latest order by user_id
       on conflict (user_id) do update set score = excluded.score, last_change = excluded.last_change,
         events = scores.events + excluded.events, updated_at = excluded.updated_at
       returning user_id
     ), numbered as materialized (
       select nextval('score_event_ids') as event_id, place, user_id, new_score, change
       from (select accepted.* from accepted join locked using (user_id) order by place) as ordered
     ), stored as (
       insert into score_events (event_id, user_id, new_score, change, created_at)
       select event_id, user_id, new_score, change, $4 from numbered
     )
     select place::integer as place, event_id from numbered`,
    [given.map((event) => event.userId), given.map((event) => event.newScore), given.map((event) => event.change), now],
  );
  return new Map(rows.map((row) => [row.place - 1, row.event_id]));
}

export interface ScoreRow {
  readonly score: number;
  readonly lastChange: number;
  readonly events: bigint;
  readonly updatedAt: Date;
}

/** @returns the present score; undefined before a person's first event. */
export async function findScore(db: Queryable, userId: bigint): Promise<ScoreRow | undefined> {
  const [row] = await db.query<{ score: number; last_change: number; events: bigint; updated_at: Date }>(
    'select score, last_change, events, updated_at from scores where user_id = $1',
    [userId],
  );
  return row && { score: row.score, lastChange: row.last_change, events: row.events, updatedAt: row.updated_at };
}

/** Newest first. @param userId 0 means everybody's. */
export async function listScoreEvents(
  db: Queryable,
  userId: bigint,
  after: Position | undefined,
  limit: number,
): Promise<StoredScoreEvent[]> {
  const rows = await db.query<{
    event_id: bigint;
    user_id: bigint;
    new_score: number;
    change: number;
    created_at: Date;
  }>(
    `select event_id, user_id, new_score, change, created_at from score_events
     where event_id < $1 ${userId === 0n ? 'and $2::bigint = 0' : 'and user_id = $2'}
     order by event_id desc limit $3`,
    [BigInt(after?.[0] ?? '9223372036854775807'), userId, limit],
  );
  return rows.map((row) => ({
    eventId: row.event_id,
    userId: row.user_id,
    newScore: row.new_score,
    change: row.change,
    createdAt: row.created_at,
  }));
}
