// Joins the services of a process: what they store in, how they call each other, what reacts and acts by itself. The
// same code whether one service lives here or all of them.
import type { PlatformConfig } from '../config/index.ts';
import { type Bus, createEmbeddedBus } from '../events/index.ts';
import { createAuthorize } from '../http/index.ts';
import { type Cursors, createCursors } from '../paging/index.ts';
import {
  type Clients,
  createClients,
  createDispatcher,
  createLocalTransport,
  type Dispatcher,
  type Guard,
} from '../rpc/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import { createMetrics, type Metrics, type ServiceLogger } from '../telemetry/index.ts';
import { type Clock, systemClock } from '../time/index.ts';
import { openTracer, type Tracer, traceDispatcher, traceTransport } from '../tracing/index.ts';
import { readCursorSecret } from './cursor-secret.ts';
import { createHostedService, type HostedService, startWork, type Work } from './hosted-service.ts';
import { type OpenDatabases, openDatabases } from './open-databases.ts';
import { readPipeline } from './read-pipeline.ts';
import { settle } from './settle.ts';
import { createStepReport, type Step } from './steps.ts';

export interface CoreOptions {
  readonly services: readonly ServiceDefinition[];
  readonly config: PlatformConfig;
  readonly log: ServiceLogger;
  readonly clock?: Clock;
  readonly onStep?: (step: Step) => void;
  /** Wraps the bus: for tests that duplicate, delay or drop. */
  readonly wrapBus?: (bus: Bus) => Bus;
}

/** The services of this process, joined and at work; no port is open yet. */
export interface Core {
  readonly services: readonly HostedService[];
  readonly dispatcher: Dispatcher;
  readonly clients: Clients;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly databases: OpenDatabases;
  readonly cursors: Cursors;
  readonly work: ReadonlyMap<string, Work>;
  readonly startedAt: Date;
  /** Waits until nothing is left to do. @throws when that takes longer, with what is left. */
  settle(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** @throws StepError and others, with everything that was opened closed again. */
export async function startCore(options: CoreOptions): Promise<Core> {
  const closers: Closer[] = [];
  try {
    return await joinServices(options, closers);
  } catch (error) {
    await closeInReverse(closers);
    throw error;
  }
}

type Closer = () => Promise<unknown>;

async function closeInReverse(closers: readonly Closer[]): Promise<void> {
  for (const close of closers.toReversed()) await close();
}

/** @param closers gets what closes each part, as it comes into being. */
async function joinServices(options: CoreOptions, closers: Closer[]): Promise<Core> {
  const { config, log, clock = systemClock } = options;
  const report = createStepReport(options.onStep ?? (() => {}));
  const stopping = new AbortController();
  const metrics = createMetrics();
  const tracer = await openTracer({ endpoint: config.otlpEndpoint, serviceName: config.telemetryName });
  closers.push(() => tracer.close());
  const databases = await openDatabases({ ...options, observer: metrics.database, report });
  closers.push(() => databases.close());
  const work = new Map<string, Work>();
  const guards = config.apiKey === undefined ? [] : [guardFeeds(config.apiKey)];
  const dispatcher = traceDispatcher(createDispatcher({ log, clock, observer: metrics.rpc, guards }), tracer);
  const local = traceTransport(createLocalTransport({ dispatcher }), tracer, 'client');
  const clients = createClients({ dispatcher, local, clock, observer: metrics.rpc });
  const cursors = createCursors(readCursorSecret(config.dataDirectory, config.cursorSecret));
  const services = options.services.map((definition) =>
    createHostedService({
      ...{ definition, config, cursors, clock, log, tracer, signal: stopping.signal },
      observers: metrics.ofService(definition.name),
      databases: databases.byService.get(definition.name),
      clients: () => clients,
      onIntents: () => work.get(definition.name)?.effects?.poke(),
    }),
  );
  closers.push(() => Promise.all(services.map(({ storage }) => storage?.sequencer.close())));
  closers.push(() => Promise.all(services.map(({ storage }) => storage?.commands.close())));
  for (const { definition, context, storage } of services) {
    if (definition.rpc.length === 0) continue;
    dispatcher.serve({ implementations: definition.rpc, context, ...(storage && { commands: storage.commands }) });
  }
  const readers = new Map(
    services.flatMap(({ storage }) => (storage ? [[storage.reader.producer, storage.reader]] : [])),
  );
  const embedded = createEmbeddedBus(readers);
  const bus = options.wrapBus?.(embedded) ?? embedded;
  // Only after the work has ended: what is under way outside is waited for, not cut off and counted as failed.
  closers.push(async () => stopping.abort());
  closers.push(() => Promise.all([...work.values()].map((running) => running.close())));
  for (const service of services) work.set(service.definition.name, startWork(service, bus));
  observeAll(metrics, services, work);

  return {
    ...{ services, dispatcher, clients, metrics, tracer, databases, cursors, work },
    startedAt: clock.now(),
    settle: (timeoutMs) => settle(services, work, timeoutMs),
    async close() {
      await dispatcher.drain();
      await closeInReverse(closers);
    },
  };
}

function observeAll(metrics: Metrics, services: readonly HostedService[], work: ReadonlyMap<string, Work>): void {
  for (const service of services) {
    const { definition, storage } = service;
    if (storage === undefined) continue;
    metrics.observePool(storage.databases.main, 'main');
    metrics.observePool(storage.databases.pipeline, 'pipeline');
    metrics.observeSequencer({ service: definition.name, status: storage.sequencer.status });
    metrics.observePipeline({
      service: definition.name,
      read: () => readPipeline(storage, work.get(definition.name) as Work, service.context.clock.now()),
    });
  }
}

/** Feeds show the API key; what services ask each other, and what the edge let in, passes. */
function guardFeeds(apiKey: string): Guard {
  const authorize = createAuthorize(apiKey);
  return async ({ method, meta, credentials }) => {
    if (meta.caller.kind === 'anonymous') await authorize(method, credentials ?? {});
  };
}
