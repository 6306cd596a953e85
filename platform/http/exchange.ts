// One request with its answer: the only place that writes to the socket, so that every answer has its ids, its length
// and the headers that protect a browser, and is observed once.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../errors/index.ts';
import type { Logger } from '../service/context.ts';
import { causeFacts, type Span, type StartRequest } from '../tracing/index.ts';
import { problemOf } from './problem.ts';
import { pathOf } from './query-string.ts';
import { type RequestIds, requestIdsOf } from './request-ids.ts';

/** What an access log and metrics may know of a request: never a body, a query or a secret. */
export interface HandledRequest {
  readonly httpMethod: string;
  /** The template of the route, `unmatched` where there was none. */
  readonly route: string;
  readonly path: string;
  readonly status: number;
  /** The problem's code, where it is one. */
  readonly code: string | undefined;
  readonly seconds: number;
  readonly requestId: string;
  readonly correlationId: string;
  readonly traceId: string;
  readonly remoteAddress: string | undefined;
  readonly responseBytes: number;
}

export interface ExchangeHost {
  readonly log: Logger;
  readonly monotonicMs: () => number;
  readonly onHandled: ((request: HandledRequest) => void) | undefined;
  readonly startSpan: StartRequest | undefined;
  /** Whether connections are to be closed with their answer. */
  isClosing(): boolean;
  /** The origins whose pages may read answers. */
  readonly corsOrigins: readonly string[];
}

export class Exchange {
  readonly ids: RequestIds & { readonly span: Span | undefined };
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: string;
  /** Headers that the answer has, whatever it says. */
  extraHeaders: Record<string, string> | undefined;
  private readonly host: ExchangeHost;
  private readonly startedMs: number;
  private answered = false;

  constructor(host: ExchangeHost, raw: IncomingMessage, response: ServerResponse, route: string) {
    this.host = host;
    this.raw = raw;
    this.response = response;
    this.route = route;
    const { startSpan } = host;
    this.ids = requestIdsOf(raw.headers, startSpan && ((parent) => startSpan(raw.method ?? '', route, parent)));
    this.startedMs = host.monotonicMs();
  }

  get path(): string {
    return pathOf(this.raw.url ?? '/');
  }

  /** Answers, once; what comes later is dropped. */
  answer(status: number, headers: Record<string, string>, body: string | Uint8Array, code?: string): void {
    if (this.answered) return;
    this.answered = true;
    const { response, ids, host } = this;
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    const all: Record<string, string | number> = {
      'x-request-id': ids.requestId,
      'x-correlation-id': ids.correlationId,
      traceparent: ids.traceparent,
      'x-content-type-options': 'nosniff',
      ...headers,
      ...this.extraHeaders,
    };
    if (status !== 204 && status !== 304) all['content-length'] = length;
    if (host.isClosing()) all.connection = 'close';
    if (host.corsOrigins.length > 0) this.allowOrigin(all);
    if (!response.headersSent && !response.destroyed) {
      response.writeHead(status, all);
      // Node leaves the body of an answer to HEAD away by itself.
      response.end(length === 0 ? undefined : body);
    }
    this.observe(status, code, length);
  }

  json(status: number, body: string, headers: Record<string, string> = {}): void {
    this.answer(status, { 'content-type': 'application/json', ...headers }, body);
  }

  /** Answers with the problem of an error; a bug is logged with its cause and told to nobody. */
  fail(error: unknown, headers?: Record<string, string>): void {
    const problem = problemOf(error, { requestId: this.ids.requestId, traceId: this.ids.traceId, path: this.path });
    if (problem.status === 500) {
      const facts = { error, ...causeFacts(this.ids), route: this.route };
      this.host.log.error(facts, error instanceof Refusal ? error.message : 'A request failed by a bug');
    }
    this.answer(problem.status, { ...problem.headers, ...headers }, problem.body, problem.code);
  }

  private allowOrigin(headers: Record<string, string | number>): void {
    headers.vary = 'origin';
    const { origin } = this.raw.headers;
    if (origin === undefined || !this.host.corsOrigins.includes(origin)) return;
    headers['access-control-allow-origin'] = origin;
    headers['access-control-expose-headers'] = 'etag, link, location, retry-after, x-request-id, idempotent-replayed';
  }

  private observe(status: number, code: string | undefined, responseBytes: number): void {
    if (this.ids.span !== undefined) endSpan(this.ids.span, status, code);
    const { onHandled, monotonicMs } = this.host;
    if (onHandled === undefined) return;
    onHandled({
      httpMethod: this.raw.method ?? '',
      route: this.route,
      path: this.path,
      status,
      code,
      seconds: (monotonicMs() - this.startedMs) / 1000,
      requestId: this.ids.requestId,
      correlationId: this.ids.correlationId,
      traceId: this.ids.traceId,
      remoteAddress: this.raw.socket.remoteAddress,
      responseBytes,
    });
  }
}

function endSpan(span: Span, status: number, code: string | undefined): void {
  span.set({ 'http.response.status_code': status });
  if (status >= 500) span.fail(code ?? `${status}`);
  span.end();
}
