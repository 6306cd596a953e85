// One log line a request, without body or secret. Above the rate lines are left out, and the next one says how many;
// failures have a second allowance of the same size, so that a flood of good requests never hides them.
import type { Cause, Logger } from '../service/context.ts';
import { causeFacts } from '../tracing/index.ts';

export interface AccessFacts {
  readonly method: string;
  /** Path without the query: a query may hold what nobody should read. */
  readonly path: string;
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
  readonly bytes?: number;
  readonly cause?: Partial<Cause>;
  readonly traceId?: string;
}

export interface AccessLogOptions {
  readonly log: Logger;
  /** Lines a second; 0 writes none. */
  readonly perSecond: number;
  /** Default: the process's monotonic clock. */
  readonly monotonicMs?: () => number;
}

export function createAccessLog(options: AccessLogOptions): (request: AccessFacts) => void {
  const { log, perSecond, monotonicMs = () => performance.now() } = options;
  let windowEndsMs = 0;
  let written = 0;
  let failuresWritten = 0;
  let leftOut = 0;
  if (perSecond === 0) return () => {};
  return (request) => {
    const nowMs = monotonicMs();
    if (nowMs >= windowEndsMs) {
      windowEndsMs = nowMs + 1000;
      written = 0;
      failuresWritten = 0;
    }
    const failure = request.status >= 500;
    if (failure ? failuresWritten >= perSecond : written >= perSecond) {
      leftOut += 1;
      return;
    }
    if (failure) failuresWritten += 1;
    else written += 1;
    const facts = {
      method: request.method,
      path: request.path,
      route: request.route,
      status: request.status,
      duration_ms: Math.round(request.durationMs * 1000) / 1000,
      ...(request.bytes === undefined ? {} : { bytes: request.bytes }),
      ...(leftOut === 0 ? {} : { left_out: leftOut }),
      ...causeFacts(request.cause ?? {}),
      ...(request.traceId === undefined ? {} : { trace_id: request.traceId }),
    };
    leftOut = 0;
    if (failure) log.error(facts, 'request');
    else log.info(facts, 'request');
  };
}
