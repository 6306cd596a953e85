// The standard health service (grpc.health.v1): the state of each service by its full name, and of all under ''.
import { Health as HealthService, HealthCheckResponse_ServingStatus as Status } from '@tradepost/contracts/grpc-health';
import { type Implementation, implement, query, serverStream } from '../service/index.ts';
import { refuseCall } from './call-refusals.ts';
import { createPipe, type Pipe } from './pipe.ts';

export interface Health {
  readonly implementation: Implementation;
  /** @param service full name; '' stands for the process. */
  set(service: string, isServing: boolean): void;
  /** NOT_SERVING for everything, told to those who watch, who are then let go. It stays so. */
  drain(): void;
}

export function createHealth(services: readonly string[]): Health {
  const states = new Map<string, Status>(['', ...services].map((name) => [name, Status.SERVING]));
  const watchers = new Map<Pipe<Status>, string>();
  let isDraining = false;

  const change = (service: string, status: Status): void => {
    if (states.get(service) === status) return;
    states.set(service, status);
    for (const [watcher, name] of watchers) if (name === service) void watcher.push(status);
  };
  const implementation = implement(HealthService, {
    check: query(HealthService.method.check, async ({ service }) => {
      const status = states.get(service);
      if (status === undefined) {
        throw refuseCall('unknown_service', { service });
      }
      return { status };
    }),
    list: query(HealthService.method.list, async () => ({
      statuses: Object.fromEntries([...states].map(([service, status]) => [service, { status }])),
    })),
    watch: serverStream(HealthService.method.watch, async function* ({ service }, context) {
      const changes = createPipe<Status>(16);
      watchers.set(changes, service);
      const leave = (): void => void changes.return();
      context.signal.addEventListener('abort', leave, { once: true });
      try {
        yield { status: states.get(service) ?? Status.SERVICE_UNKNOWN };
        if (isDraining) return;
        for await (const status of changes) yield { status };
      } finally {
        watchers.delete(changes);
        context.signal.removeEventListener('abort', leave);
      }
    }),
  });
  return {
    implementation,
    set: (service, isServing) => {
      if (!isDraining) change(service, isServing ? Status.SERVING : Status.NOT_SERVING);
    },
    drain: () => {
      isDraining = true;
      for (const service of states.keys()) change(service, Status.NOT_SERVING);
      for (const watcher of watchers.keys()) watcher.end();
    },
  };
}
