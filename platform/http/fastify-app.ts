// Fastify, set up: it routes and reads bodies. Its own faults, and requests that no route is for, are answered like all
// others; Node's limits on time, which it would switch off, are set.
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { Refusal } from '../errors/index.ts';
import type { Caller } from '../service/context.ts';
import type { Credentials } from './authorize.ts';
import { answerClientError } from './client-error.ts';
import type { Exchange } from './exchange.ts';
import { refuseHttp } from './http-refusals.ts';
import { pathOf } from './query-string.ts';
import { DEFAULT_BODY_LIMIT_KIB } from './route.ts';

/** How often Node looks for connections that are too slow. */
const CONNECTIONS_CHECK_MS = 2000;
/** Bytes. */
const MOST_THROWN_AWAY = 8 * 1024 * 1024;
const EMPTY = {};
const CORS_HEADERS =
  'authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-api-key, x-correlation-id, ' +
  'x-request-id';

export interface Timeouts {
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
}

/** What a request carries from hook to hook. */
export interface WithExchange {
  exchange: Exchange;
  caller: Caller;
  credentials: Credentials;
}

export type Open = (request: FastifyRequest, reply: FastifyReply, route: string) => Exchange;

export function createApp(limits: Timeouts) {
  const app = Fastify({
    logger: false,
    bodyLimit: DEFAULT_BODY_LIMIT_KIB * 1024,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    },
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerClientError,
    // A bad URL is answered like any other fault.
    frameworkErrors: (error, request, reply) => onFrameworkError?.(error, request, reply),
    routerOptions: { maxParamLength: 4096, querystringParser: () => EMPTY },
  });
  let onFrameworkError: ((error: Error, request: FastifyRequest, reply: FastifyReply) => void) | undefined;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  return Object.assign(app, {
    onBadUrl(handler: NonNullable<typeof onFrameworkError>) {
      onFrameworkError = handler;
    },
  });
}

export type App = ReturnType<typeof createApp>;

/** What Fastify itself finds wrong, and what no route is for. */
export function addFallbacks(app: App, open: Open, paths: readonly { pattern: RegExp; httpMethod: string }[]): void {
  const exchangeOf = (request: FastifyRequest, reply: FastifyReply): Exchange =>
    (request as unknown as Partial<WithExchange>).exchange ?? open(request, reply, 'unmatched');
  const fail = (error: Error & { code?: string }, request: FastifyRequest, reply: FastifyReply): void => {
    // Fastify looks at the content of a QUERY before it looks for its route.
    if (error.code === 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE') {
      answerUnmatched(request, reply);
      return;
    }
    const exchange = exchangeOf(request, reply);
    reply.hijack();
    // What is left of a body that is refused: a little is read and thrown away, because closing on a caller who still
    // sends would lose the answer on its way; much is not waited for.
    const { raw } = exchange;
    const isLittle = Number(raw.headers['content-length'] ?? Number.POSITIVE_INFINITY) <= MOST_THROWN_AWAY;
    if (isLittle) raw.resume();
    exchange.fail(refusalOfFastify(error, request), raw.complete || isLittle ? undefined : { connection: 'close' });
  };
  const answerUnmatched = (request: FastifyRequest, reply: FastifyReply): void => {
    const exchange = exchangeOf(request, reply);
    reply.hijack();
    const path = pathOf(request.raw.url ?? '/');
    const methods = new Set(paths.filter(({ pattern }) => pattern.test(path)).map(({ httpMethod }) => httpMethod));
    if (methods.size === 0) {
      exchange.fail(refuseHttp('route_not_found', { path: path.slice(0, 200) }));
      return;
    }
    if (methods.has('GET')) methods.add('HEAD');
    const allow = [...methods, 'OPTIONS'].join(', ');
    const method = request.raw.method ?? '';
    if (method === 'OPTIONS') answerOptions(exchange, allow);
    else exchange.fail(refuseHttp('method_not_allowed', { method, allow }), { allow });
  };
  app.setErrorHandler(fail);
  app.onBadUrl(fail);
  app.setNotFoundHandler(answerUnmatched);
}

function answerOptions(exchange: Exchange, allow: string): void {
  const asked = exchange.raw.headers['access-control-request-method'];
  const cors: Record<string, string> =
    asked === undefined
      ? {}
      : {
          'access-control-allow-methods': allow,
          'access-control-allow-headers': CORS_HEADERS,
          'access-control-max-age': '600',
        };
  exchange.answer(204, { allow, ...cors }, '');
}

function refusalOfFastify(error: Error & { code?: string; statusCode?: number }, request: FastifyRequest): unknown {
  if (error instanceof Refusal) return error;
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuseHttp('body_too_large', { limitKib: Math.floor(request.routeOptions.bodyLimit / 1024) });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuseHttp('unsupported_media_type', {});
    case 'FST_ERR_BAD_URL':
      return refuseHttp('malformed_url', {});
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'ECONNRESET':
    case 'ECONNABORTED':
      return refuseHttp('malformed_request', { why: 'The body ended before the length that was announced' });
    default:
      return error;
  }
}
