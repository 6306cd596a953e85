// Counters of what a service does by itself: batches of commands, events published, consumed and refused, effects.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { CommandObserver } from '../commands/index.ts';
import type { EffectObserver } from '../effects/index.ts';
import type { ConsumerObserver, EventObserver } from '../events/index.ts';
import { LATENCY_BUCKETS } from './latency-buckets.ts';

/** The observers of one service. */
export interface ServiceObservers {
  readonly commands: Required<CommandObserver>;
  readonly events: Required<EventObserver>;
  readonly consumers: Required<ConsumerObserver>;
  readonly effects: Required<EffectObserver>;
}

const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** @returns what makes the observers of a service. */
export function createServiceMetrics(registry: Registry): (service: string) => ServiceObservers {
  const commands = commandMetrics(registry);
  const events = eventMetrics(registry);
  const consumers = consumerMetrics(registry);
  const effects = effectMetrics(registry);
  return (service) => ({
    commands: commands(service),
    events: events(service),
    consumers: consumers(service),
    effects: effects(service),
  });
}

function counterOf(registry: Registry) {
  return <Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
    new Counter({ name, help, labelNames, registers: [registry] });
}

function histogramOf(registry: Registry) {
  return <Label extends string>(name: string, help: string, buckets: number[], ...labelNames: Label[]) =>
    new Histogram({ name, help, buckets, labelNames, registers: [registry] });
}

function commandMetrics(registry: Registry) {
  const histogram = histogramOf(registry);
  const sizes = histogram(
    'command_batch_size',
    'Calls of a command that shared a transaction.',
    BATCH_BUCKETS,
    ...(['service', 'method'] as const),
  );
  const waiting = histogram(
    'command_queue_length',
    'Calls of a command that still waited when a batch of it left.',
    [0, ...BATCH_BUCKETS, 2000, 5000],
    ...(['service', 'method'] as const),
  );
  return (service: string): Required<CommandObserver> => ({
    batched(method, size, left) {
      if (size > 0) sizes.observe({ service, method }, size);
      waiting.observe({ service, method }, left);
    },
  });
}

function eventMetrics(registry: Registry) {
  const published = counterOf(registry)(
    'events_published_total',
    'Events committed, by type.',
    ...(['service', 'topic', 'type'] as const),
  );
  return (service: string): Required<EventObserver> => {
    // Looking a series up by its labels costs more than counting does.
    const series = new Map<string, { inc(): void }>();
    return {
      published({ topic, type }) {
        const key = `${topic} ${type}`;
        let counter = series.get(key);
        if (counter === undefined) {
          counter = published.labels({ service, topic, type });
          series.set(key, counter);
        }
        counter.inc();
      },
    };
  };
}

function consumerMetrics(registry: Registry) {
  const counter = counterOf(registry);
  const histogram = histogramOf(registry);
  const labels = ['service', 'consumer', 'producer'] as const;
  const applied = counter('consumer_events_applied_total', 'Events applied, each with its cursor.', ...labels);
  const passed = counter('consumer_events_passed_total', 'Events of types that the consumer does not take.', ...labels);
  const duplicates = counter('consumer_duplicates_total', 'Events delivered again, and not applied again.', ...labels);
  const gaps = counter('consumer_gaps_total', 'Times that a sequence was missing and waited for.', ...labels);
  const failures = counter(
    'consumer_failures_total',
    'Messages set aside: `waiting` is tried again, `dead` needs a person.',
    ...labels,
    ...(['type', 'outcome'] as const),
  );
  const outages = counter('consumer_outages_total', 'Outages that a consumer waited out.', ...labels);
  const sizes = histogram('consumer_batch_size', 'Events applied in one transaction.', BATCH_BUCKETS, ...labels);
  const durations = histogram(
    'consumer_batch_duration_seconds',
    'Time of a batch from its first statement to its commit, in seconds.',
    LATENCY_BUCKETS,
    ...labels,
  );
  return (service: string): Required<ConsumerObserver> => ({
    batch({ consumer, producer, applied: count, passed: others, durationMs }) {
      const of = { service, consumer, producer };
      applied.inc(of, count);
      passed.inc(of, others);
      // A rate shows the first of them only when it was nought before.
      for (const rare of [duplicates, gaps, outages]) rare.inc(of, 0);
      if (count === 0) return;
      sizes.observe(of, count);
      durations.observe(of, durationMs / 1000);
    },
    duplicates: ({ consumer, producer, count }) => duplicates.inc({ service, consumer, producer }, count),
    gap: ({ consumer, producer }) => gaps.inc({ service, consumer, producer }),
    failed: ({ consumer, producer, type, outcome }) => failures.inc({ service, consumer, producer, type, outcome }),
    outage({ consumer, producer, began }) {
      if (began) outages.inc({ service, consumer, producer });
    },
  });
}

function effectMetrics(registry: Registry) {
  const counter = counterOf(registry);
  const labels = ['service', 'effect'] as const;
  const performed = counter(
    'effects_performed_total',
    'Attempts of effects, by what came of them and by the state that it left the effect in.',
    ...labels,
    ...(['outcome', 'state'] as const),
  );
  const outages = counter('effect_outages_total', 'Outages that an effect waited out.', ...labels);
  const durations = histogramOf(registry)(
    'effect_duration_seconds',
    'Time of an attempt with its record, in seconds.',
    LATENCY_BUCKETS,
    ...labels,
  );
  return (service: string): Required<EffectObserver> => ({
    performed({ effect, outcome, state, durationMs }) {
      performed.inc({ service, effect, outcome, state });
      durations.observe({ service, effect }, durationMs / 1000);
    },
    outage({ effect, began }) {
      if (began) outages.inc({ service, effect });
    },
  });
}
