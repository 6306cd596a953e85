// Everything the operations service refuses.
import { defineRefusals } from '../errors/index.ts';

export const refuseOperation = defineRefusals({
  service_not_here: {
    status: 'NOT_FOUND',
    title: 'Service not here',
    detail: ({ service, known }: { service: string; known: readonly string[] }) =>
      `This process hosts no service ${JSON.stringify(service)}; it hosts ${known.join(', ')}.`,
  },
  service_required: {
    status: 'INVALID_ARGUMENT',
    title: 'Service required',
    detail: () => 'service must be given with ids: an id is one of a service.',
  },
  event_not_found: {
    status: 'NOT_FOUND',
    title: 'Event not found',
    detail: ({ id }: { id: string }) =>
      `No service of this process has published an event ${id}, or it is no longer kept.`,
  },
});
