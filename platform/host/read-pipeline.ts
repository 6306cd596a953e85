// Where the events of a service are: read from its database when somebody asks, by a scrape or by an operator.
import type { PipelineStats } from '../telemetry/index.ts';
import type { Storage, Work } from './hosted-service.ts';

// What is visible and has no place in the log yet: behind the newest logged row, and whatever came late before it.
const WAITING = `
  select coalesce(extract(epoch from now() - min(o.occurred_at)), 0)::float8 as age, count(*)::int as rows
  from tradepost.outbox o
  where o.seq > (select coalesce(max(l.seq), 0) - 10000 from tradepost.log l)
    and not exists (select from tradepost.log l where l.seq = o.seq)`;

const HEADS = `
  select p.topic, p.part, coalesce(h.sequence, p.first_retained - 1) as head
  from tradepost.log_parts p
  left join lateral (
    select l.sequence from tradepost.log l where l.topic = p.topic and l.part = p.part order by l.sequence desc limit 1
  ) h on true`;

export interface Waiting {
  /** Seconds. */
  readonly age: number;
  readonly rows: number;
}

export async function readWaiting({ databases }: Storage): Promise<Waiting> {
  const [waiting] = await databases.pipeline.query<Waiting>(WAITING);
  return waiting ?? { age: 0, rows: 0 };
}

export function readHeads({ databases }: Storage): Promise<{ topic: string; part: number; head: bigint }[]> {
  return databases.pipeline.query(HEADS);
}

export async function readPipeline(storage: Storage, work: Work): Promise<PipelineStats> {
  const [waiting, logHeads, consumers, counts] = await Promise.all([
    readWaiting(storage),
    readHeads(storage),
    Promise.all(
      work.consumers.map(async (consumer) => {
        const { behind } = await consumer.backlog();
        return consumer.status().runners.map((runner) => ({
          consumer: consumer.name,
          producer: runner.producer,
          lag: behind,
          waiting: runner.waiting,
          held: runner.held,
          dead: runner.dead,
          paused: runner.state === 'paused',
        }));
      }),
    ),
    work.effects?.counts(),
  ]);
  return {
    outboxAgeSeconds: waiting.age,
    logHeads,
    consumers: consumers.flat(),
    effects: [...(counts ?? [])].map(([effect, { pending, failed }]) => ({ effect, pending, failed })),
  };
}
