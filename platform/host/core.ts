// Joins the services of a process: what they store in, how they call each other, what reacts and acts by itself. The
// same code whether one service lives here or all of them.
import { OperationsService } from '@tradepost/contracts/operations';
import type { PlatformConfig } from '../config/index.ts';
import { type Bus, createEmbeddedBus } from '../events/index.ts';
import { createAuthorize, refuseAccess } from '../http/index.ts';
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
import { type Closer, closeInReverse, closeWithin, STOP_SHARES } from './closers.ts';
import { readCursorSecret } from './cursor-secret.ts';
import { createHostedService, type HostedService, type Storage, startWork, type Work } from './hosted-service.ts';
import { type OpenDatabases, openDatabases } from './open-databases.ts';
import { readPipeline } from './read-pipeline.ts';
import { refuseOpenSelection } from './selection.ts';
import { settle } from './settle.ts';
import { createStepReport, type Step } from './steps.ts';
import { createStopBudget, type StopBudget } from './stop-budget.ts';

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
  /** Ends what reacts and acts by itself; calls are still answered. */
  stopWork(budget: StopBudget): Promise<void>;
  /** Refuses calls from now on, tells streams to end, and waits for the calls that are running. */
  drain(budget: StopBudget): Promise<void>;
  /** All of the above, and closes what is open. */
  close(budget?: StopBudget): Promise<void>;
}

/** @throws StepError and others, with everything that was opened closed again. */
export async function startCore(options: CoreOptions): Promise<Core> {
  const closers: Closer[] = [];
  try {
    return await joinServices(options, closers);
  } catch (error) {
    await closeInReverse(closers, createStopBudget(options.config.shutdownMs), options.log);
    throw error;
  }
}

/** @param closers gets what closes each part, as it comes into being. */
async function joinServices(options: CoreOptions, closers: Closer[]): Promise<Core> {
  refuseOpenSelection(options.services);
  const { config, log, clock = systemClock } = options;
  const report = createStepReport(options.onStep ?? (() => {}));
  const stopping = new AbortController();
  const metrics = createMetrics();
  const tracer = await openTracer({ endpoint: config.otlpEndpoint, serviceName: config.telemetryName });
  closers.push({ what: 'tracing', share: STOP_SHARES.end, close: () => tracer.close() });
  const databases = await openDatabases({ ...options, observer: metrics.database, report });
  closers.push({ what: 'databases', share: STOP_SHARES.end, close: () => databases.close() });
  const work = new Map<string, Work>();
  const guards = config.apiKey === undefined ? [] : [guardByKey(config.apiKey)];
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
  const closeAll = (close: (storage: Storage) => Promise<void>) => (): Promise<unknown> =>
    Promise.all(services.map(({ storage }) => storage && close(storage)));
  const closeSequencers = closeAll(({ sequencer }) => sequencer.close());
  closers.push({ what: 'sequencers', share: STOP_SHARES.log, close: closeSequencers });
  closers.push({ what: 'commands', share: STOP_SHARES.log, close: closeAll(({ commands }) => commands.close()) });
  for (const { definition, context, storage } of services) {
    if (definition.rpc.length === 0) continue;
    dispatcher.serve({ implementations: definition.rpc, context, ...(storage && { commands: storage.commands }) });
  }
  const readers = new Map(
    services.flatMap(({ storage }) => (storage ? [[storage.reader.producer, storage.reader]] : [])),
  );
  const embedded = createEmbeddedBus(readers);
  const bus = options.wrapBus?.(embedded) ?? embedded;
  const stopWork = createStopWork(work, stopping, log);
  closers.push({ what: 'work', share: STOP_SHARES.cutWork, close: stopWork });
  for (const service of services) work.set(service.definition.name, startWork(service, bus));
  observeAll(metrics, services, work);
  const drain = async (budget: StopBudget): Promise<void> => {
    await closeWithin({ what: 'calls', share: STOP_SHARES.calls, close: () => dispatcher.drain() }, budget, log);
  };

  return {
    ...{ services, dispatcher, clients, metrics, tracer, databases, cursors, work },
    startedAt: clock.now(),
    settle: (timeoutMs) => settle(services, work, timeoutMs),
    async stopWork(budget) {
      await stopWork(budget);
    },
    drain,
    async close(budget = createStopBudget(config.shutdownMs)) {
      // First: what reacts asks other services, and would take their draining for an outage.
      await stopWork(budget);
      await drain(budget);
      await closeInReverse(closers, budget, log);
    },
  };
}

/** What is under way outside is waited for; only what takes too long is cut off, and left unrecorded. */
function createStopWork(work: ReadonlyMap<string, Work>, stopping: AbortController, log: ServiceLogger) {
  let stopped: Promise<unknown> | undefined;
  return (budget: StopBudget): Promise<unknown> => {
    stopped ??= (async () => {
      const ended = Promise.all([...work.values()].map((running) => running.close()));
      const closer = { what: 'work', share: STOP_SHARES.work, close: () => ended };
      const inTime = await closeWithin(closer, budget, log);
      stopping.abort();
      if (!inTime) await closeWithin({ ...closer, share: STOP_SHARES.cutWork }, budget, log);
    })();
    return stopped;
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

/**
 * Where an API key is configured, feeds and operators show it; what services ask each other, and what the edge let in,
 * passes.
 */
function guardByKey(apiKey: string): Guard {
  const authorize = createAuthorize(apiKey);
  return async ({ method, meta, credentials }) => {
    if (meta.caller.kind !== 'anonymous') return;
    if (method.parent === OperationsService) throw refuseAccess('api_key_required', {});
    await authorize(method, credentials ?? {});
  };
}
