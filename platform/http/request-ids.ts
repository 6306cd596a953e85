// The ids that a request carries through everything that follows from it: taken over from the caller where they are
// sane, made here otherwise. Nothing of a header reaches a log or an answer unchecked.
import type { IncomingHttpHeaders } from 'node:http';
import { uuidv7 } from '../time/index.ts';
import { adoptTraceparent, newTraceparent, type Span, traceIdOf } from '../tracing/index.ts';

const SANE_ID = /^[A-Za-z0-9._:@+=/-]{1,128}$/;

export interface RequestIds {
  readonly requestId: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly traceId: string;
}

/** @param startSpan gives the request's own span below the context that came with it, where anybody collects them. */
export function requestIdsOf(
  headers: IncomingHttpHeaders,
  startSpan?: (parent: string | undefined) => Span | undefined,
): RequestIds & { readonly span: Span | undefined } {
  const requestId = saneId(headers['x-request-id']) ?? uuidv7();
  const parent = adoptTraceparent(headers.traceparent);
  const span = startSpan?.(parent);
  const traceparent = span?.traceparent ?? parent ?? newTraceparent();
  const correlationId = saneId(headers['x-correlation-id']) ?? requestId;
  return { requestId, correlationId, traceparent, traceId: traceIdOf(traceparent) as string, span };
}

function saneId(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && SANE_ID.test(value) ? value : undefined;
}
