// Turns whatever a handler threw into what its caller may know. A bug is logged with its cause and answered with the
// request's id alone.
import { CommitUnknownError, DatabaseUnavailableError } from '../db/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Logger } from '../service/context.ts';
import { refuseCall } from './call-refusals.ts';

/** @param method full name, for the log. */
export function refusalOfError(error: unknown, requestId: string, method: string, log: Logger): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof DatabaseUnavailableError) {
    log.warn({ err: error, requestId, method }, 'A call found no database');
    return refuseCall('unavailable', { what: 'The database' }, { retryAfterSeconds: 1 });
  }
  if (error instanceof CommitUnknownError) {
    log.warn({ err: error, requestId, method }, 'The outcome of a call is unknown');
    return refuseCall('outcome_unknown', {}, { retryAfterSeconds: 1 });
  }
  log.error({ err: error, requestId, method }, 'A call failed because of a bug');
  return refuseCall('internal', { requestId });
}

/** The same refusal without its cause: what crosses from one service to another. */
export function withoutCause(refusal: Refusal): Refusal {
  const { cause: _, ...options } = refusal.options;
  return new Refusal(refusal.code, refusal.status, refusal.title, refusal.message, options);
}
