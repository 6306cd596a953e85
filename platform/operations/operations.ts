// The operations service: every process offers it for the services that it hosts.
import { OperationsService } from '@tradepost/contracts/operations';
import { dropParked, editParked, getParked, listParked, type ParkedState, replayParked } from '../events/index.ts';
import { createCursors, readPage } from '../paging/index.ts';
import { type Implementation, implement, query, serverStream } from '../service/index.ts';
import type { Clock } from '../time/index.ts';
import { toParkedMessage } from './event-message.ts';
import { refuseOperation } from './operation-refusals.ts';
import { getEvent, tailEvents } from './read-events.ts';
import { getStatus } from './read-status.ts';
import { type OperatedProcess, type OperatedService, serviceNamed } from './sources.ts';

const { method } = OperationsService;

export function createOperations(operated: OperatedProcess, clock: Clock): Implementation {
  const named = (name: string): OperatedService => serviceNamed(operated, name);
  const poke = (service: OperatedService): void => {
    for (const { consumer } of service.consumers()) consumer.poke();
  };
  return implement(OperationsService, {
    getStatus: query(method.getStatus, () => getStatus(operated)),
    getEvent: query(method.getEvent, (request) => getEvent(operated, request)),
    tailEvents: serverStream(method.tailEvents, (request, { signal }) => tailEvents(operated, request, signal)),
    listParked: query(method.listParked, (request, { cursors }) => {
      const services = request.service === '' ? operated.services() : [named(request.service)];
      return readPage(
        cursors ?? createCursors('operations'),
        `parked/${request.service}/${request.consumer}/${request.state}/${request.key}`,
        request,
        (after, limit) => listOverServices(services, request, after, limit),
        ({ service, id }) => [service, String(id)],
      );
    }),
    getParked: query(method.getParked, async ({ service, id }) => ({
      parked: toParkedMessage(service, await getParked(named(service).main, id)),
    })),
    editParked: query(method.editParked, async ({ service: name, id, value, note }) => {
      const service = named(name);
      const { consumer } = await getParked(service.main, id);
      const on = service.consumers().find((candidate) => candidate.consumer.name === consumer)?.on ?? [];
      const edited = await editParked(service.main, on, id, { value: new TextEncoder().encode(value), note });
      return { parked: toParkedMessage(name, edited) };
    }),
    replayParked: query(method.replayParked, async (request) => {
      const services = request.service === '' ? operated.services() : [named(request.service)];
      if (request.ids.length > 0 && services.length !== 1) throw refuseOperation('service_required', {});
      const filter = given({ consumer: request.consumer, key: request.key, fingerprint: request.fingerprint });
      const total = { matched: 0n, replayed: 0n };
      for (const service of services) {
        const { ids, dryRun } = request;
        const done = await replayParked(service.main, { ids, filter, dryRun, now: clock.now() });
        total.matched += BigInt(done.matched);
        total.replayed += BigInt(done.replayed);
        poke(service);
      }
      return total;
    }),
    dropParked: query(method.dropParked, async ({ service: name, id, note }) => {
      const service = named(name);
      const dropped = await dropParked(service.main, id, { note, now: clock.now() });
      poke(service);
      return { parked: toParkedMessage(name, dropped) };
    }),
  });
}

/** Without what is empty. */
function given<Filter extends Record<string, string>>(filter: Filter): Partial<Filter> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== '')) as Partial<Filter>;
}

/** The services' lists one after the other, each newest first; a position is a service with the last id shown of it. */
async function listOverServices(
  services: readonly OperatedService[],
  { consumer, state, key }: { consumer: string; state: string; key: string },
  after: readonly string[] | undefined,
  limit: number,
) {
  const filter = given({ consumer, state, key }) as { consumer?: string; state?: ParkedState; key?: string };
  const found: ReturnType<typeof toParkedMessage>[] = [];
  const first = services.findIndex(({ name }) => name === after?.[0]);
  for (const [place, service] of services.entries()) {
    if (place < first || found.length >= limit) continue;
    const page = { limit: limit - found.length, ...(place === first ? { before: BigInt(after?.[1] ?? 0) } : {}) };
    const parked = await listParked(service.main, filter, page);
    found.push(...parked.map((message) => toParkedMessage(service.name, message)));
  }
  return found;
}
