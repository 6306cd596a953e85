// Gauges of the event pipeline, read at a scrape. A source that fails or is slow leaves its last figures out and says
// so in `pipeline_up`; it never holds up the scrape.
import { Gauge, type Registry } from 'prom-client';
import type { PipelineSource, PipelineStats } from './observers.ts';

const READ_TIMEOUT_MS = 2000;

export function createPipelineMetrics(registry: Registry) {
  const sources = new Set<PipelineSource>();
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const up = gauge('pipeline_up', 'Whether the pipeline of a service could be read.', 'service');
  const age = gauge('outbox_age_seconds', 'Age of the oldest event that has no sequence yet, in seconds.', 'service');
  const head = gauge('event_log_head', 'Last sequence of a partition.', 'service', 'topic', 'partition');
  const consumer = ['service', 'consumer', 'producer'] as const;
  const lag = gauge('consumer_lag', 'Events logged and not yet handled.', ...consumer);
  const parked = gauge('consumer_parked', 'Messages parked, by state.', ...consumer, 'state');
  const dead = gauge('consumer_dead', 'Messages that need a person.', ...consumer);
  const paused = gauge('consumer_paused', 'Whether the consumer waits out an outage.', ...consumer);
  const stopped = gauge('consumer_stopped', 'Whether the consumer needs a person to go on.', ...consumer);
  const pending = gauge('effects_pending', 'Effects to be performed.', 'service', 'effect');
  const failed = gauge('effects_failed', 'Effects given up.', 'service', 'effect');
  const all = [up, age, head, lag, parked, dead, paused, stopped, pending, failed];

  const record = (service: string, stats: PipelineStats): void => {
    if (stats.outboxAgeSeconds !== undefined) age.set({ service }, stats.outboxAgeSeconds);
    for (const { topic, part, head: at } of stats.logHeads ?? []) {
      head.set({ service, topic, partition: String(part) }, Number(at));
    }
    for (const facts of stats.consumers ?? []) {
      const labels = { service, consumer: facts.consumer, producer: facts.producer };
      lag.set(labels, Number(facts.lag));
      parked.set({ ...labels, state: 'waiting' }, Number(facts.waiting));
      parked.set({ ...labels, state: 'held' }, Number(facts.held));
      dead.set(labels, Number(facts.dead));
      paused.set(labels, facts.paused ? 1 : 0);
      stopped.set(labels, facts.stopped ? 1 : 0);
    }
    for (const facts of stats.effects ?? []) {
      pending.set({ service, effect: facts.effect }, Number(facts.pending));
      failed.set({ service, effect: facts.effect }, Number(facts.failed));
    }
  };

  let refreshing: Promise<void> | undefined;
  const refresh = async (): Promise<void> => {
    const read = await Promise.all([...sources].map(async (source) => ({ source, stats: await readInTime(source) })));
    for (const metric of all) metric.reset();
    for (const { source, stats } of read) {
      up.set({ service: source.service }, stats === undefined ? 0 : 1);
      if (stats !== undefined) record(source.service, stats);
    }
  };

  return {
    observe(source: PipelineSource): () => void {
      sources.add(source);
      return () => void sources.delete(source);
    },
    /** Scrapes that arrive together share one reading. */
    refresh(): Promise<void> {
      refreshing ??= refresh().finally(() => {
        refreshing = undefined;
      });
      return refreshing;
    },
  };
}

async function readInTime(source: PipelineSource): Promise<PipelineStats | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), READ_TIMEOUT_MS);
  });
  try {
    return await Promise.race([Promise.resolve(source.read()), late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
