// What the calls themselves may answer, whatever the service: the same code, status and sentence on every transport.
import { defineRefusals, Refusal, type StatusName } from '../errors/index.ts';

export const refuseCall = defineRefusals({
  invalid_request: {
    status: 'INVALID_ARGUMENT',
    title: 'Invalid request',
    detail: ({ faults }: { faults: readonly { detail: string }[] }) => faults.map(({ detail }) => detail).join('; '),
  },
  malformed_request: {
    status: 'INVALID_ARGUMENT',
    title: 'Malformed request',
    detail: (_: object) => 'The request is not a valid message of this method',
  },
  deadline_exceeded: {
    status: 'DEADLINE_EXCEEDED',
    title: 'Too late',
    detail: (_: object) => 'The call was not answered within its deadline',
  },
  cancelled: { status: 'CANCELLED', title: 'Cancelled', detail: (_: object) => 'The caller cancelled the call' },
  unknown_service: {
    status: 'NOT_FOUND',
    title: 'Unknown service',
    detail: ({ service }: { service: string }) => `There is no service ${service} here`,
  },
  unimplemented: {
    status: 'UNIMPLEMENTED',
    title: 'Not implemented',
    detail: ({ method }: { method: string }) => `${method} is not served here`,
  },
  draining: {
    status: 'UNAVAILABLE',
    title: 'Shutting down',
    detail: (_: object) => 'The service is shutting down; try again in a moment',
  },
  unavailable: {
    status: 'UNAVAILABLE',
    title: 'Unavailable',
    detail: ({ what }: { what: string }) => `${what} cannot be reached; try again in a moment`,
  },
  database_busy: {
    status: 'UNAVAILABLE',
    title: 'Database busy',
    detail: (_: object) => 'The database could not do the work now, and nothing was done; try again in a moment',
  },
  outcome_unknown: {
    status: 'UNAVAILABLE',
    title: 'Outcome unknown',
    detail: (_: object) =>
      'The connection to the database was lost while the work was being committed, so it may or may not be done; ' +
      'repeat the request with the same idempotency key to learn which',
  },
  stream_idle: {
    status: 'UNAVAILABLE',
    title: 'Stream idle',
    detail: (_: object) => 'The stream was silent for too long; open it again from where it stopped',
  },
  stream_expired: {
    status: 'UNAVAILABLE',
    title: 'Stream expired',
    detail: (_: object) => 'The stream reached its longest life; open it again from where it stopped',
  },
  internal: {
    status: 'INTERNAL',
    title: 'Internal error',
    detail: ({ requestId }: { requestId: string }) =>
      `Something went wrong on our side; please quote request ${requestId} when you report it`,
  },
});

const BY_STATUS: Partial<Record<StatusName, keyof typeof refuseCall.catalogue>> = {
  DEADLINE_EXCEEDED: 'deadline_exceeded',
  CANCELLED: 'cancelled',
  UNAVAILABLE: 'unavailable',
};

/** The refusal for a status that came without details: from a proxy, or from gRPC itself. */
export function refusalOfStatus(status: StatusName, detail: string, what: string): Refusal {
  const code = BY_STATUS[status];
  if (code === 'unavailable') return refuseCall('unavailable', { what }, { retryAfterSeconds: 1 });
  if (code !== undefined) return refuseCall(code as 'cancelled', {});
  const title = status.charAt(0) + status.slice(1).toLowerCase().replaceAll('_', ' ');
  return new Refusal(status.toLowerCase(), status, title, detail === '' ? title : detail);
}
