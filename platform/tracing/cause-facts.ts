// What ties a log line to the request that it belongs to.
import type { Cause, Logger } from '../service/context.ts';
import { traceIdOf } from './traceparent.ts';

/** @returns `request_id`, `correlation_id`, `causation_id` and `trace_id`, as far as they are known. */
export function causeFacts(cause: Partial<Cause>): Record<string, string> {
  const facts: Record<string, string> = {};
  if (cause.requestId !== undefined) facts['request_id'] = cause.requestId;
  if (cause.correlationId !== undefined) facts['correlation_id'] = cause.correlationId;
  if (cause.causationId !== undefined) facts['causation_id'] = cause.causationId;
  const traceId = traceIdOf(cause.traceparent);
  if (traceId !== undefined) facts['trace_id'] = traceId;
  return facts;
}

/** A log whose lines carry the facts of a cause. */
export function logWithCause(log: Logger, cause: Partial<Cause>): Logger {
  const withCause = (facts: object): object => ({ ...facts, ...causeFacts(cause) });
  return {
    debug: (facts, message) => log.debug(withCause(facts), message),
    info: (facts, message) => log.info(withCause(facts), message),
    warn: (facts, message) => log.warn(withCause(facts), message),
    error: (facts, message) => log.error(withCause(facts), message),
    line: (facts, text) => log.line(withCause(facts), text),
  };
}
