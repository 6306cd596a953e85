// One service at work in this process: its transactions, sequencer, commands, consumers, effects and jobs.
import { type CommandRunner, createCommandRunner, pruneAnswersJob } from '../commands/index.ts';
import type { PlatformConfig } from '../config/index.ts';
import { type Effects, insertIntents, startEffects } from '../effects/index.ts';
import {
  type Bus,
  type Consumer,
  createLease,
  createOwnership,
  createTransactions,
  type LogReader,
  openLogReader,
  type Sequencer,
  startConsumer,
  startSequencer,
  type Transactions,
} from '../events/index.ts';
import type { Cursors } from '../paging/index.ts';
import type { Clients } from '../rpc/index.ts';
import type { Context, ServiceDefinition } from '../service/index.ts';
import type { ServiceLogger, ServiceObservers } from '../telemetry/index.ts';
import type { Clock } from '../time/index.ts';
import { type Tracer, traceCommands, traceService } from '../tracing/index.ts';
import type { ServiceDatabase } from './open-databases.ts';
import { startJobs } from './run-jobs.ts';

/** What only a service with a database of its own has. */
export interface Storage {
  readonly databases: ServiceDatabase;
  readonly transactions: Transactions;
  readonly sequencer: Sequencer;
  readonly reader: LogReader;
  readonly commands: CommandRunner;
  readonly observers: ServiceObservers;
}

export interface HostedService {
  readonly definition: ServiceDefinition;
  readonly context: Context;
  readonly storage: Storage | undefined;
}

/** What reacts and acts by itself, once every service can be asked. */
export interface Work {
  readonly consumers: readonly Consumer[];
  readonly effects: Effects | undefined;
  /** Ends what is under way and gives the leases back. */
  close(): Promise<void>;
}

export interface HostedServiceOptions {
  readonly definition: ServiceDefinition;
  readonly databases: ServiceDatabase | undefined;
  readonly config: PlatformConfig;
  readonly clients: () => Clients;
  readonly cursors: Cursors;
  readonly clock: Clock;
  readonly log: ServiceLogger;
  readonly observers: ServiceObservers;
  readonly tracer: Tracer;
  readonly signal: AbortSignal;
  /** Told after commits that recorded intents. */
  readonly onIntents: () => void;
}

export function createHostedService(options: HostedServiceOptions): HostedService {
  const { databases, clock, cursors, signal, observers, tracer } = options;
  const definition = traceService(options.definition, tracer);
  const log = options.log.child({ service: definition.name });
  const config: unknown = options.config.loaded.of(definition.config);
  const context: Context = {
    config,
    get db() {
      if (databases === undefined) throw new Error(`The ${definition.name} service has no database.`);
      return databases.main;
    },
    clock,
    cursors,
    log,
    signal,
    client: (service) => options.clients().client(service, definition.name),
  };
  if (databases === undefined) return { definition, context, storage: undefined };
  const sequencer = startSequencer({ database: databases.pipeline, clock, log, retention: options.config.retention });
  const transactions = createTransactions({
    database: databases.main,
    service: definition.name,
    config,
    clock,
    log,
    insertIntents,
    observer: observers.events,
    onCommitted({ events, intents }) {
      if (events > 0) sequencer.poke();
      if (intents > 0) options.onIntents();
    },
  });
  const runner = createCommandRunner({ transactions, context, log, clock, observer: observers.commands });
  const commands = traceCommands(runner, tracer);
  const reader = openLogReader({ database: databases.pipeline, advances: sequencer });
  return { definition, context, storage: { databases, transactions, sequencer, reader, commands, observers } };
}

/** Starts consumers, effects and jobs of a service. */
export function startWork({ definition, context, storage }: HostedService, bus: Bus): Work {
  if (storage === undefined) return { consumers: [], effects: undefined, close: async () => {} };
  const { transactions, databases, observers } = storage;
  const { clock, log } = context;
  const lease = createLease({ database: databases.pipeline, clock, name: 'consumers' });
  const ownership = createOwnership({ name: 'consumers', lease, log });
  const shared = { database: databases.main, transactions, context, clock, log, ownership };
  const consumers = definition.reactions.map((reaction) =>
    startConsumer({ ...shared, reaction, bus, observer: observers.consumers }),
  );
  const effects =
    definition.effects.length === 0
      ? undefined
      : startEffects({ ...shared, effects: definition.effects, observer: observers.effects });
  const jobs = startJobs({ ...shared, jobs: [...definition.jobs, pruneAnswersJob] });
  return {
    consumers,
    effects,
    async close() {
      await Promise.all([...consumers.map((consumer) => consumer.close()), effects?.close(), jobs.close()]);
      await ownership.close();
    },
  };
}
