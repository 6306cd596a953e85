// The baseline: the rows that the score service would write for an event, written by the driver in one statement, which
// is one transaction and one round trip. Nothing is checked, encoded or answered.
import { createHash } from 'node:crypto';
import { partOfKey } from '@tradepost/platform/events';
import { uuidv7 } from '@tradepost/platform/time';
import type pg from 'pg';
import type { FeedEvent } from './score-feed.ts';

const PARTITIONS = 8;
const TYPE = 'tradepost.score.v1.ScoreEventAccepted';
const ANSWER = Buffer.from('0a0861636365707465641001', 'hex');

const ONE_EVENT = `
  with moved as (
    insert into scores (user_id, score, last_change, events, updated_at)
    select user_id, $2, $3, 1, $4 from people where user_id = $1 and not deleted
    on conflict (user_id) do update set score = excluded.score, last_change = excluded.last_change,
      events = scores.events + 1, updated_at = excluded.updated_at
    returning user_id
  ), stored as (
    insert into score_events (event_id, user_id, new_score, change, created_at)
    select nextval('score_event_ids'), user_id, $2, $3, $4 from moved
  ), kept as (
    insert into tradepost.idempotency_records (id, request_hash, refused, answer, expires_at)
    values ($5, $6, false, $7, $4 + interval '1 day')
  )
  insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
  select 'score_events', $8, $9, $10, $11, $4, $12, $12, $13 from moved`;

/** Inserts one event in a transaction of its own. */
export async function insertOne(client: pg.Client, { userId, newScore, change }: FeedEvent): Promise<void> {
  const id = uuidv7();
  const key = String(userId);
  const value = Buffer.from(`{"user_id":${key},"new_score":${newScore},"change":${change}}`);
  const values = [
    ...[userId, newScore, change, new Date(), uuidv7(), hashOf(value), ANSWER],
    ...[partOfKey(key, PARTITIONS), key, id, TYPE, id, value],
  ];
  const { rowCount } = await client.query({ name: 'one-event', text: ONE_EVENT, values });
  if (rowCount !== 1) throw new Error('The baseline stored nothing.');
}

const MANY_EVENTS = `
  with given as (
    select * from unnest($1::bigint[], $2::integer[], $3::integer[], $5::uuid[], $6::bytea[], $8::integer[],
      $9::text[], $10::uuid[], $12::bytea[]) with ordinality
      as given (user_id, new_score, change, answer_id, hash, part, key, id, value, place)
  ), latest as (
    select distinct on (user_id) user_id, new_score, change, count(*) over (partition by user_id) as events
    from given order by user_id, place desc
  ), moved as (
    insert into scores (user_id, score, last_change, events, updated_at)
    select user_id, new_score, change, events, $4 from latest join people using (user_id) where not deleted
    order by user_id
    on conflict (user_id) do update set score = excluded.score, last_change = excluded.last_change,
      events = scores.events + excluded.events, updated_at = excluded.updated_at
    returning user_id
  ), stored as (
    insert into score_events (event_id, user_id, new_score, change, created_at)
    select nextval('score_event_ids'), user_id, new_score, change, $4 from given join moved using (user_id)
  ), kept as (
    insert into tradepost.idempotency_records (id, request_hash, refused, answer, expires_at)
    select answer_id, hash, false, $7, $4 + interval '1 day' from given
  )
  insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
  select 'score_events', part, key, id, $11, $4, id::text, id::text, value from given join moved using (user_id)`;

/** Inserts many events in one transaction. */
export async function insertMany(client: pg.Client, events: readonly FeedEvent[]): Promise<void> {
  const keys = events.map(({ userId }) => String(userId));
  const bodies = events.map(({ userId, newScore, change }) =>
    Buffer.from(`{"user_id":${userId},"new_score":${newScore},"change":${change}}`),
  );
  const values = [
    ...[events.map(({ userId }) => userId), events.map(({ newScore }) => newScore), events.map(({ change }) => change)],
    ...[new Date(), events.map(() => uuidv7()), bodies.map(hashOf), ANSWER],
    ...[keys.map((key) => partOfKey(key, PARTITIONS)), keys, events.map(() => uuidv7()), TYPE, bodies],
  ];
  const { rowCount } = await client.query({ name: 'many-events', text: MANY_EVENTS, values });
  if (rowCount !== events.length) throw new Error(`The baseline stored ${rowCount} of ${events.length} events.`);
}

function hashOf(value: Buffer): Buffer {
  return createHash('sha256').update(value).digest();
}
