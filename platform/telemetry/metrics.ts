// The metrics of a process, in Prometheus' text form. Counters and histograms are told by observers; gauges are read
// from their sources at a scrape, so that nobody pays for them in between.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { StatusName } from '../errors/index.ts';
import type {
  DatabaseObserver,
  HttpObserver,
  PipelineSource,
  PoolSource,
  RpcCallFacts,
  RpcObserver,
} from './observers.ts';
import { createPipelineMetrics } from './pipeline-metrics.ts';

export interface Metrics {
  /** For metrics of one's own: `new Counter({ …, registers: [metrics.registry] })`. */
  readonly registry: Registry;
  readonly rpc: RpcObserver;
  readonly http: HttpObserver;
  readonly database: DatabaseObserver;
  /** @returns how to forget the pool. */
  observePool(pool: PoolSource): () => void;
  /** @returns how to forget the pipeline. */
  observePipeline(pipeline: PipelineSource): () => void;
  /** What `/metrics` answers. */
  print(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** From half a millisecond to ten seconds: most of our work takes single milliseconds. */
export const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  const pipeline = createPipelineMetrics(registry);
  return {
    registry,
    rpc: createRpcMetrics(registry),
    http: createHttpMetrics(registry),
    database: createDatabaseMetrics(registry),
    observePool: createPoolMetrics(registry),
    observePipeline: pipeline.observe,
    async print() {
      await pipeline.refresh();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

/** The names of Go's status codes, as go-grpc-prometheus writes them: `NotFound`, `Canceled`. */
export function goCodeName(status: 'OK' | StatusName): string {
  if (status === 'OK') return 'OK';
  if (status === 'CANCELLED') return 'Canceled';
  return status.toLowerCase().replaceAll(/(?:^|_)(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

/** https://github.com/grpc-ecosystem/go-grpc-prometheus: names and labels are its own. */
function createRpcMetrics(registry: Registry): RpcObserver {
  const registers = [registry];
  const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'] as const;
  const metricsOf = (side: string) => ({
    started: new Counter({
      name: `grpc_${side}_started_total`,
      help: `Total number of RPCs started on the ${side}.`,
      labelNames,
      registers,
    }),
    handled: new Counter({
      name: `grpc_${side}_handled_total`,
      help: `Total number of RPCs completed on the ${side}, regardless of success or failure.`,
      labelNames: [...labelNames, 'grpc_code'] as const,
      registers,
    }),
    handling: new Histogram({
      name: `grpc_${side}_handling_seconds`,
      help: `Response latency of RPCs handled by the ${side}, in seconds.`,
      labelNames,
      buckets: LATENCY_BUCKETS,
      registers,
    }),
  });
  const sides = { server: metricsOf('server'), client: metricsOf('client') };
  // Looking a series up by its labels costs more than counting does.
  const series = new Map<string, { started: () => void; handled: Map<string, () => void>; time(s: number): void }>();
  const seriesOf = (call: RpcCallFacts) => {
    const key = `${call.side}/${call.service}/${call.method}`;
    let known = series.get(key);
    if (known === undefined) {
      const labels = { grpc_type: call.type, grpc_service: call.service, grpc_method: call.method };
      const started = sides[call.side].started.labels(labels);
      const handling = sides[call.side].handling.labels(labels);
      known = { started: () => started.inc(), handled: new Map(), time: (seconds) => handling.observe(seconds) };
      series.set(key, known);
    }
    return known;
  };
  return {
    started: (call) => seriesOf(call).started(),
    ended(call, { status, durationMs }) {
      const known = seriesOf(call);
      let handled = known.handled.get(status);
      if (handled === undefined) {
        const counter = sides[call.side].handled.labels({
          grpc_type: call.type,
          grpc_service: call.service,
          grpc_method: call.method,
          grpc_code: goCodeName(status),
        });
        handled = () => counter.inc();
        known.handled.set(status, handled);
      }
      handled();
      known.time(durationMs / 1000);
    },
  };
}

function createHttpMetrics(registry: Registry): HttpObserver {
  const labelNames = ['method', 'route', 'status'] as const;
  const registers = [registry];
  const total = new Counter({ name: 'http_requests_total', help: 'HTTP requests answered.', labelNames, registers });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer, in seconds.',
    labelNames,
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const series = new Map<string, (seconds: number) => void>();
  return {
    handled({ method, route, status, durationMs }) {
      const key = `${method} ${route} ${status}`;
      let count = series.get(key);
      if (count === undefined) {
        const labels = { method, route, status: String(status) };
        const [counter, histogram] = [total.labels(labels), duration.labels(labels)];
        count = (seconds) => {
          counter.inc();
          histogram.observe(seconds);
        };
        series.set(key, count);
      }
      count(durationMs / 1000);
    },
  };
}

function createDatabaseMetrics(registry: Registry): DatabaseObserver {
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

function createPoolMetrics(registry: Registry): Metrics['observePool'] {
  const pools = new Set<PoolSource>();
  new Gauge({
    name: 'db_pool_connections',
    help: 'Connections of a pool: open, free (idle, or not opened yet), waited for, and the most there may be.',
    labelNames: ['service', 'state'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const pool of pools) {
        const { total, idle, waiting, max } = pool.stats();
        for (const [state, value] of Object.entries({ open: total, free: idle, waiting, max })) {
          this.set({ service: pool.service, state }, value);
        }
      }
    },
  });
  return (pool) => {
    pools.add(pool);
    return () => void pools.delete(pool);
  };
}
