// The metrics of a process, in Prometheus' text form. Counters and histograms are told by observers; gauges are read
// from their sources at a scrape, so that nobody pays for them in between.
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { DatabaseObserver } from '../db/index.ts';
import type { RpcObserver } from '../rpc/observer.ts';
import { createDatabaseMetrics, createPoolMetrics } from './database-metrics.ts';
import { createHttpMetrics } from './http-metrics.ts';
import type { HttpObserver, PipelineSource, PoolSource, SequencerSource } from './observers.ts';
import { createPipelineMetrics } from './pipeline-metrics.ts';
import { createRpcMetrics } from './rpc-metrics.ts';
import { createSequencerMetrics } from './sequencer-metrics.ts';
import { createServiceMetrics, type ServiceObservers } from './service-metrics.ts';

export interface Metrics {
  /** For metrics of one's own: `new Counter({ …, registers: [metrics.registry] })`. */
  readonly registry: Registry;
  readonly rpc: Required<RpcObserver>;
  readonly http: HttpObserver;
  readonly database: Required<DatabaseObserver>;
  /** What the parts of a service tell. */
  ofService(service: string): ServiceObservers;
  /** @param name which of a service's pools it is. @returns how to forget it. */
  observePool(pool: PoolSource, name: string): () => void;
  /** @returns how to forget the sequencer. */
  observeSequencer(sequencer: SequencerSource): () => void;
  /** @returns how to forget the pipeline. */
  observePipeline(pipeline: PipelineSource): () => void;
  /** What `/metrics` answers. */
  print(): Promise<{ readonly contentType: string; readonly body: string }>;
}

export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  const pipeline = createPipelineMetrics(registry);
  return {
    registry,
    rpc: createRpcMetrics(registry),
    http: createHttpMetrics(registry),
    database: createDatabaseMetrics(registry),
    ofService: createServiceMetrics(registry),
    observePool: createPoolMetrics(registry),
    observeSequencer: createSequencerMetrics(registry),
    observePipeline: pipeline.observe,
    async print() {
      await pipeline.refresh();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
