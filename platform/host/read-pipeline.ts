// Where the events of a service are: read from its database when somebody asks, by a scrape or by an operator.
import { readPending } from '../events/index.ts';
import type { PipelineStats } from '../telemetry/index.ts';
import type { Storage, Work } from './hosted-service.ts';

/** Seconds since the oldest event was committed that has no sequence yet; 0 when there is none. */
export async function readOutboxAge({ databases }: Storage, now: Date): Promise<number> {
  const { oldestAt } = await readPending(databases.pipeline);
  return oldestAt === undefined ? 0 : Math.max(0, now.getTime() - oldestAt.getTime()) / 1000;
}

export async function readPipeline(storage: Storage, work: Work, now: Date): Promise<PipelineStats> {
  const [outboxAgeSeconds, logHeads, consumers, counts] = await Promise.all([
    readOutboxAge(storage, now),
    storage.reader.heads(),
    Promise.all(
      work.consumers.map(async (consumer) => {
        const { behindOf } = await consumer.backlog();
        return consumer.status().runners.map((runner) => ({
          consumer: consumer.name,
          producer: runner.producer,
          lag: behindOf.get(runner.producer) ?? 0n,
          waiting: runner.waiting,
          held: runner.held,
          dead: runner.dead,
          paused: runner.state === 'paused',
          stopped: runner.state === 'stopped',
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
