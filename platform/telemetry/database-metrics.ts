// Query times, waits for a connection, transactions by outcome, and the pools as they are at a scrape.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { DatabaseObserver } from '../db/index.ts';
import { LATENCY_BUCKETS } from './latency-buckets.ts';
import type { PoolSource } from './observers.ts';

export function createDatabaseMetrics(registry: Registry): Required<DatabaseObserver> {
  const registers = [registry];
  const labelNames = ['service'] as const;
  const failures = new Counter({ name: 'db_query_failures_total', help: 'Statements failed.', labelNames, registers });
  const histogram = (name: string, help: string) =>
    new Histogram({ name, help, labelNames, buckets: LATENCY_BUCKETS, registers });
  const queries = histogram('db_query_duration_seconds', 'Time of a statement, in seconds.');
  const waits = histogram('db_pool_wait_seconds', 'Time until a connection was had, in seconds.');
  const transactions = new Counter({
    name: 'db_transactions_total',
    help: 'Transactions ended, by outcome.',
    labelNames: ['service', 'outcome'] as const,
    registers,
  });
  const retries = new Counter({
    name: 'db_transaction_retries_total',
    help: 'Runs of a transaction beyond its first, after a serialization failure or a deadlock.',
    labelNames,
    registers,
  });
  return {
    queried({ service, durationMs, failed }) {
      queries.observe({ service }, durationMs / 1000);
      if (failed) failures.inc({ service });
    },
    acquired: ({ service, waitMs }) => waits.observe({ service }, waitMs / 1000),
    transacted({ service, attempts, outcome }) {
      transactions.inc({ service, outcome: outcome.replaceAll(' ', '_') });
      if (attempts > 1) retries.inc({ service }, attempts - 1);
    },
  };
}

export function createPoolMetrics(registry: Registry): (pool: PoolSource, name: string) => () => void {
  const pools = new Map<PoolSource, string>();
  new Gauge({
    name: 'db_pool_connections',
    help: 'Connections of a pool: open, free (idle, or not opened yet), waited for, and the most there may be.',
    labelNames: ['service', 'pool', 'state'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const [pool, name] of pools) {
        const { total, idle, waiting, max } = pool.stats();
        for (const [state, value] of Object.entries({ open: total, free: idle, waiting, max })) {
          this.set({ service: pool.service, pool: name, state }, value);
        }
      }
    },
  });
  return (pool, name) => {
    pools.set(pool, name);
    return () => void pools.delete(pool);
  };
}
