// Everything the checker needs of the system's databases, read once the system has come to rest.
import { type Queryable, withConnection, withDatabaseName } from '@tradepost/platform/db';

export interface ScoreEventRow {
  event_id: bigint;
  user_id: bigint;
  new_score: number;
  change: number;
}

export interface OutboxRow {
  id: string;
  topic: string;
  part: number;
  key: string;
  type: string;
  value: string;
  /** Place in the log; null while it has none. */
  sequence: bigint | null;
}

export interface NotificationRow {
  id: bigint;
  user_id: bigint;
  score_change: number;
  status: string;
  source_event_id: string | null;
}

export interface EmailRow {
  id: bigint;
  user_id: bigint;
  notification_id: bigint;
  message_id: string;
  status: string;
}

export interface Rows {
  readonly scoreEvents: readonly ScoreEventRow[];
  readonly scores: readonly { user_id: bigint; score: number; events: bigint }[];
  readonly outboxes: ReadonlyMap<string, readonly OutboxRow[]>;
  readonly logs: readonly {
    service: string;
    topic: string;
    part: number;
    count: bigint;
    first: bigint;
    last: bigint;
  }[];
  readonly notifications: readonly NotificationRow[];
  readonly emails: readonly EmailRow[];
  readonly parked: readonly { service: string; consumer: string; state: string; error: string }[];
  readonly pendingEffects: number;
}

const SERVICES = ['user', 'score', 'notification', 'delivery'];

/** @param adminUrl of the server; every service's database is on it. */
export async function readRows(adminUrl: string): Promise<Rows> {
  const of = <T>(service: string, read: (db: Queryable) => Promise<T>): Promise<T> =>
    withConnection(withDatabaseName(adminUrl, `tradepost_${service}`), read);
  const outboxes = new Map<string, OutboxRow[]>();
  const logs: Rows['logs'][number][] = [];
  const parked: Rows['parked'][number][] = [];
  for (const service of SERVICES) {
    await of(service, async (db) => {
      outboxes.set(service, await db.query<OutboxRow>(OUTBOX));
      for (const row of await db.query<Omit<Rows['logs'][number], 'service'>>(LOGS)) logs.push({ service, ...row });
      for (const row of await db.query<Omit<Rows['parked'][number], 'service'>>(PARKED)) {
        parked.push({ service, ...row });
      }
    });
  }
  const [pending] = await of('delivery', (db) =>
    db.query<{ count: bigint }>("select count(*) as count from tradepost.effects where state = 'pending'"),
  );
  return {
    ...{ outboxes, logs, parked, pendingEffects: Number(pending?.count) },
    scoreEvents: await of('score', (db) =>
      db.query<ScoreEventRow>('select event_id, user_id, new_score, change from score_events order by event_id'),
    ),
    scores: await of('score', (db) =>
      db.query<Rows['scores'][number]>('select user_id, score, events from scores order by user_id'),
    ),
    notifications: await of('notification', (db) =>
      db.query<NotificationRow>(
        'select id, user_id, score_change, status, source_event_id from notifications order by id',
      ),
    ),
    emails: await of('delivery', (db) =>
      db.query<EmailRow>('select id, user_id, notification_id, message_id, status from emails order by id'),
    ),
  };
}

const OUTBOX = `select o.id::text as id, o.topic, o.part, o.key, o.type, convert_from(o.value, 'utf8') as value, l.sequence
  from tradepost.outbox o left join tradepost.log l on l.seq = o.seq order by o.seq`;
const LOGS = `select topic, part, count(*) as count, min(sequence) as first, max(sequence) as last
  from tradepost.log group by topic, part`;
const PARKED =
  "select consumer, state, error from tradepost.parked_messages where state in ('waiting', 'held', 'dead')";
