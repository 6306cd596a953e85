// Writers that put score events straight into the score service's database, as its own code would, but as unkindly as
// PostgreSQL allows: transactions left open while others commit, early ids and late locks, savepoints, rollbacks, a
// burst larger than one pass of the sequencer, a twin of the sequencer itself, and a fence that is held for a while.
// What they commit is in the ledger, and has to come out like everything else.
import { setTimeout as sleep } from 'node:timers/promises';
import { events } from '@tradepost/contracts/events';
import { type Queryable, withConnection, withDatabaseName } from '@tradepost/platform/db';
import { encodeEvent, insertOutbox } from '@tradepost/platform/events';
import { identityOf, type Ledger } from './ledger.ts';

export interface HostileOptions {
  readonly adminUrl: string;
  readonly ledger: Ledger;
  /** People whom nobody else writes about: a transaction left open holds their rows. */
  readonly users: readonly number[];
  readonly writers: number;
  readonly forMs: number;
}

/** More than one pass takes. */
const BURST = 6000;
// Far from the numbers that name the requests of the workload.
let nextScore = 1_000_000_000;

export async function runHostileWriters(options: HostileOptions): Promise<void> {
  const url = withDatabaseName(options.adminUrl, 'tradepost_score');
  const until = performance.now() + options.forMs;
  const writer = (place: number): Promise<void> =>
    withConnection(url, async (db) => {
      for (let turn = 0; performance.now() < until; turn += 1) {
        const user = options.users[(place + turn) % options.users.length] as number;
        await writeOne(db, options.ledger, user, turn);
      }
    });
  const burst = withConnection(url, async (db) => {
    await sleep(options.forMs / 3);
    await commitEvents(db, options.ledger, options.users[0] as number, BURST, 0);
  });
  // A twin of the leader, which believes that it still leads, and takes small chunks.
  const twin = withConnection(url, async (db) => {
    while (performance.now() < until) {
      await db.query('select outcome from tradepost.pass((select epoch from tradepost.fence), 10)');
      await sleep(2);
    }
  });
  // Now and then nobody can pass, so that a backlog of many transactions gathers.
  const staller = withConnection(url, async (db) => {
    while (performance.now() < until) {
      await db.query('begin');
      await db.query('select epoch from tradepost.fence for update');
      await sleep(150);
      await db.query('rollback');
      await sleep(150);
    }
  });
  await Promise.all([burst, twin, staller, ...Array.from({ length: options.writers }, (_, place) => writer(place))]);
}

async function writeOne(db: Queryable, ledger: Ledger, user: number, turn: number): Promise<void> {
  // Most are short; some stay open while many others begin and end.
  const openMs = turn % 5 === 0 ? Math.random() * 250 : 0;
  if (turn % 11 === 0) {
    await db.query('begin');
    await insertEvents(db, user, 1);
    await db.query('rollback');
  }
  await commitEvents(db, ledger, user, 1, openMs);
}

async function commitEvents(db: Queryable, ledger: Ledger, user: number, count: number, openMs: number): Promise<void> {
  await db.query('begin');
  // An early id, and the locks only later: whoever sorts by transaction id gets the wrong order.
  await db.query('select pg_current_xact_id()');
  await sleep(Math.random() * 5);
  await db.query('savepoint before');
  await insertEvents(db, user, 1);
  await db.query('rollback to savepoint before');
  const scores = await insertEvents(db, user, count);
  if (openMs > 0) await sleep(openMs);
  await db.query('commit');
  for (const newScore of scores) {
    ledger.asked.set(identityOf(user, newScore), {
      ...{ key: `hostile-${newScore}`, userId: user, newScore, change: -1 },
      ...{ outcome: 'ok', eventIds: new Set<number>() },
    });
  }
}

/** The person's row is locked first, then ids and events are drawn, as the service does it. */
async function insertEvents(db: Queryable, user: number, count: number): Promise<number[]> {
  const scores = Array.from({ length: count }, () => nextScore++);
  await db.query(
    `insert into scores (user_id, score, last_change, events, updated_at) values ($1, $2, -1, $3, now())
     on conflict (user_id) do update set score = excluded.score, events = scores.events + excluded.events`,
    [user, scores.at(-1), count],
  );
  await db.query(
    `insert into score_events (event_id, user_id, new_score, change, created_at)
     select nextval('score_event_ids'), $1, score, -1, now() from unnest($2::integer[]) as score`,
    [user, scores],
  );
  const cause = { requestId: 'hostile', correlationId: 'hostile' };
  const rows = scores.map((newScore) =>
    encodeEvent(events.ScoreEventAccepted, { userId: BigInt(user), newScore, change: -1 }, cause, new Date()),
  );
  await insertOutbox(db, rows);
  return scores;
}
