// Shows the joined services to the operations service.
import type { OperatedProcess, OperatedService } from '../operations/index.ts';
import type { Context } from '../service/index.ts';
import { systemClock } from '../time/index.ts';
import type { Core, CoreOptions } from './core.ts';
import type { HealthChecks } from './health.ts';
import { readOutboxAge } from './read-pipeline.ts';

export function operatedProcess(core: Core, version: string, health: HealthChecks): OperatedProcess {
  const services = core.services.flatMap(({ definition, context, storage }): OperatedService[] => {
    if (storage === undefined) return [];
    const work = core.work.get(definition.name);
    return [
      {
        name: definition.name,
        main: storage.databases.main,
        pipeline: storage.databases.pipeline,
        reader: storage.reader,
        sequencer: () => storage.sequencer.status(),
        consumers: () =>
          (work?.consumers ?? []).map((consumer) => ({
            consumer,
            on: definition.reactions.find(({ name }) => name === consumer.name)?.on ?? [],
          })),
        effects: () => work?.effects?.status() ?? [],
        effectCounts: async () => (await work?.effects?.counts()) ?? new Map(),
        outboxAgeSeconds: () => readOutboxAge(storage, context.clock.now()),
      },
    ];
  });
  return { version, startedAt: core.startedAt, isDraining: health.isDraining, services: () => services };
}

/** The operations service belongs to the process: it has no configuration and no database of its own. */
export function operatorContext(core: Core, { log, clock = systemClock }: CoreOptions): Context {
  return {
    config: {},
    get db(): never {
      throw new Error('The operations service has no database of its own.');
    },
    clock,
    cursors: core.cursors,
    log: log.child({ service: 'operations' }),
    signal: new AbortController().signal,
    client: (service) => core.clients.client(service, 'operations'),
  };
}
