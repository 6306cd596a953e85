// Turns whatever a handler threw into what its caller may know. A bug is logged with its cause and answered with the
// request's id alone.
import { CommitUnknownError, DatabaseUnavailableError } from '../db/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Cause, Logger } from '../service/context.ts';
import { causeFacts } from '../tracing/index.ts';
import { refuseCall } from './call-refusals.ts';

type KnownCause = Partial<Cause> & Pick<Cause, 'requestId'>;

/** @param cause of the call, @param method full name: for the log. */
export function refusalOfError(error: unknown, cause: KnownCause, method: string, log: Logger): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof DatabaseUnavailableError) {
    log.warn({ error, method, ...causeFacts(cause) }, 'A call found no database');
    return refuseCall('unavailable', { what: 'The database' }, { retryAfterSeconds: 1 });
  }
  if (error instanceof CommitUnknownError) {
    log.warn({ error, method, ...causeFacts(cause) }, 'The outcome of a call is unknown');
    return refuseCall('outcome_unknown', {}, { retryAfterSeconds: 1 });
  }
  log.error({ error, method, ...causeFacts(cause) }, 'A call failed because of a bug');
  return refuseCall('internal', { requestId: cause.requestId });
}

/** The same refusal without its cause: what crosses from one service to another. */
export function withoutCause(refusal: Refusal): Refusal {
  const { cause: _, ...options } = refusal.options;
  return new Refusal(refusal.code, refusal.status, refusal.title, refusal.message, options);
}
