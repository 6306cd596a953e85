// Errors on the wire: application/problem+json (RFC 9457) with our stable code, the ids to quote, and every fault.
import { httpStatusOf, Refusal } from '../errors/index.ts';
import { refuseHttp } from './http-refusals.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export interface ProblemContext {
  readonly requestId: string;
  readonly traceId: string;
  /** The path of the request, without its query: queries may hold what a log must not. */
  readonly path: string;
}

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** 500 for what is no status of an error: 499, the client went away, is nobody's answer. */
export function httpStatusOfRefusal(refusal: Refusal): number {
  const status = refusal.options.httpStatus ?? httpStatusOf(refusal.status);
  return status >= 400 && status <= 599 ? status : 500;
}

/** @param error a `Refusal`, or a bug, of which nothing is told but the request's id. */
export function problemOf(error: unknown, context: ProblemContext): Problem {
  const known = error instanceof Refusal && error.status !== 'INTERNAL' && error.status !== 'UNKNOWN';
  const refusal = known ? error : refuseHttp('internal', { requestId: context.requestId });
  const status = httpStatusOfRefusal(refusal);
  const { errors, metadata, retryAfterSeconds } = refusal.options;
  const body = JSON.stringify({
    type: `urn:tradepost:problem:${refusal.code}`,
    title: refusal.title,
    status,
    detail: refusal.message,
    instance: context.path,
    code: refusal.code,
    request_id: context.requestId,
    trace_id: context.traceId,
    errors: errors && errors.length > 0 ? errors : undefined,
    metadata: metadata && Object.keys(metadata).length > 0 ? metadata : undefined,
  });
  const headers: Record<string, string> = { 'content-type': PROBLEM_TYPE };
  const retryAfter = retryAfterSeconds ?? (status === 503 || status === 429 ? 1 : undefined);
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfter)));
  if (status === 401) headers['www-authenticate'] = refusal.code.startsWith('api_key') ? 'ApiKey' : 'Bearer';
  return { status, code: refusal.code, headers, body };
}
