// Turns whatever a handler threw into what its caller may know. A bug is logged with its cause and answered with the
// request's id alone; what a repeat may mend is no bug.
import {
  CommitUnknownError,
  DatabaseUnavailableError,
  isConnectionLost,
  isTransient,
  sqlStateOf,
} from '../db/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Cause, Logger } from '../service/context.ts';
import { causeFacts } from '../tracing/index.ts';
import { refuseCall } from './call-refusals.ts';

type KnownCause = Partial<Cause> & Pick<Cause, 'requestId'>;

/** @param cause of the call, @param method full name: for the log. */
export function refusalOfError(error: unknown, cause: KnownCause, method: string, log: Logger): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof DatabaseUnavailableError || isConnectionLost(error)) {
    log.warn({ error, method, ...causeFacts(cause) }, 'A call found no database');
    return refuseCall('unavailable', { what: 'The database' }, { retryAfterSeconds: 1 });
  }
  if (error instanceof CommitUnknownError) {
    log.warn({ error, method, ...causeFacts(cause) }, 'The outcome of a call is unknown');
    return refuseCall('outcome_unknown', {}, { retryAfterSeconds: 1 });
  }
  if (isTransient(error)) {
    log.warn({ error, method, ...causeFacts(cause) }, whatFailed(error));
    return refuseCall('database_busy', {}, { retryAfterSeconds: 1 });
  }
  log.error({ error, method, ...causeFacts(cause) }, 'A call failed because of a bug');
  return refuseCall('internal', { requestId: cause.requestId });
}

/** For the operator. */
function whatFailed(error: unknown): string {
  switch (sqlStateOf(error)) {
    case '53100':
      return 'The disk of PostgreSQL is full: free some space there; until then nothing can be written';
    case '53200':
      return 'PostgreSQL has no memory left for a call: give it more, or fewer connections';
    case '53300':
      return 'PostgreSQL has no connection left for a call: raise max_connections, or lower the pools';
    default:
      return 'The database could not do the work of a call in time';
  }
}

/** The same refusal without its cause: what crosses from one service to another. */
export function withoutCause(refusal: Refusal): Refusal {
  const { cause: _, ...options } = refusal.options;
  return new Refusal(refusal.code, refusal.status, refusal.title, refusal.message, options);
}
