// Where the events of a service are: read from its database when somebody asks, by a scrape or by an operator.
import { readPending } from '../events/index.ts';
import type { PipelineStats } from '../telemetry/index.ts';
import type { Storage, Work } from './hosted-service.ts';

const HEADS = `
  select p.topic, p.part, coalesce(h.sequence, p.first_retained - 1) as head
  from tradepost.log_parts p
  left join lateral (
    select l.sequence from tradepost.log l where l.topic = p.topic and l.part = p.part order by l.sequence desc limit 1
  ) h on true`;

/** Seconds since the oldest event was committed that has no sequence yet; 0 when there is none. */
export async function readOutboxAge({ databases }: Storage, now: Date): Promise<number> {
  const { oldestAt } = await readPending(databases.pipeline);
  return oldestAt === undefined ? 0 : Math.max(0, now.getTime() - oldestAt.getTime()) / 1000;
}

export function readHeads({ databases }: Storage): Promise<{ topic: string; part: number; head: bigint }[]> {
  return databases.pipeline.query(HEADS);
}

export async function readPipeline(storage: Storage, work: Work, now: Date): Promise<PipelineStats> {
  const [outboxAgeSeconds, logHeads, consumers, counts] = await Promise.all([
    readOutboxAge(storage, now),
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
    outboxAgeSeconds,
    logHeads,
    consumers: consumers.flat(),
    effects: [...(counts ?? [])].map(([effect, { pending, failed }]) => ({ effect, pending, failed })),
  };
}
