// Finds the message that kills its process: after two deaths without progress messages are taken one at a time, each
// named in the database while it is under way, and one on which two processes died is dead itself. A consumer that is
// well pays one statement at its start and one at its end.
import type { Queryable } from '../../db/index.ts';
import type { CursorIdentity } from './cursor-store.ts';

export interface Suspicion {
  /** Whether to take messages one at a time. */
  readonly isolates: boolean;
  /** Id of the message that must not be tried again; cleared once it is dead, so that it can be replayed. */
  condemned: string | undefined;
}

const DEATHS_BEFORE_ISOLATION = 2;
const DEATHS_OF_ONE_MESSAGE = 2;

/** The process died, more than once, while this message was applied. */
export class ProcessDeathError extends Error {
  override readonly name = 'ProcessDeathError';

  constructor() {
    super(`The process died ${DEATHS_OF_ONE_MESSAGE} times while it applied this message.`);
    // Where it was found says nothing about where it died.
    this.stack = `${this.name}: ${this.message}`;
  }
}

const BEGIN = `
  insert into tradepost.consumer_runs as run (consumer, producer, epoch, began_at_n) values ($1, $2, $3, $4)
  on conflict (consumer, producer) do update set
    epoch = excluded.epoch,
    began_at_n = excluded.began_at_n,
    deaths = case
      when run.began_at_n is null then 0 when run.began_at_n = excluded.began_at_n then run.deaths + 1 else 1 end,
    inflight_deaths = case when run.inflight_id is null then 0 else run.inflight_deaths + 1 end
  returning deaths, inflight_id, inflight_deaths`;

/** Notes that an owner begins. @param n the cursor's record at which it does. */
export async function beginRun(
  sql: Queryable,
  { consumer, producer }: CursorIdentity,
  epoch: bigint,
  n: bigint,
): Promise<Suspicion> {
  const [run] = await sql.query<{ deaths: number; inflight_id: string | null; inflight_deaths: number }>(BEGIN, [
    consumer,
    producer,
    epoch,
    n,
  ]);
  const inflight = run?.inflight_id ?? undefined;
  return {
    isolates: inflight !== undefined || (run?.deaths ?? 0) >= DEATHS_BEFORE_ISOLATION,
    condemned: (run?.inflight_deaths ?? 0) >= DEATHS_OF_ONE_MESSAGE ? inflight : undefined,
  };
}

/** Names the message under way; `undefined` in the transaction that settles it. */
export async function markInflight(
  sql: Queryable,
  { consumer, producer }: CursorIdentity,
  epoch: bigint,
  id: string | undefined,
): Promise<void> {
  await sql.query(
    `update tradepost.consumer_runs
     set inflight_id = $4::uuid, inflight_deaths = case when inflight_id = $4::uuid then inflight_deaths else 0 end
     where consumer = $1 and producer = $2 and epoch = $3`,
    [consumer, producer, epoch, id ?? null],
  );
}

/** Notes that the owner ended in order. */
export async function endRun(sql: Queryable, { consumer, producer }: CursorIdentity, epoch: bigint): Promise<void> {
  await sql.query(
    `update tradepost.consumer_runs set began_at_n = null, deaths = 0, inflight_id = null, inflight_deaths = 0
     where consumer = $1 and producer = $2 and epoch = $3`,
    [consumer, producer, epoch],
  );
}
