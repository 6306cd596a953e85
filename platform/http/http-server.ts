// REST over HTTP: the routes of proto services, health, metrics and documentation on one port. Fastify routes and reads
// bodies; every answer is written by `exchange.ts`.
import type { AddressInfo } from 'node:net';
import type { DescService } from '@bufbuild/protobuf';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { Refusal } from '../errors/index.ts';
import type { Caller, Logger } from '../service/context.ts';
import type { Clock } from '../time/index.ts';
import { acceptsJson, isJsonType } from './accept.ts';
import { type Authorize, type Credentials, createAuthorize, keyMatches } from './authorize.ts';
import { createRouteHandler, type Invoke } from './call-route.ts';
import { answerClientError } from './client-error.ts';
import { Exchange, type ExchangeHost, type HandledRequest } from './exchange.ts';
import { type HealthSource, healthRoutes, type Metrics, type PlainHandler } from './health.ts';
import { refuseHttp } from './http-refusals.ts';
import { pathOf } from './query-string.ts';
import { createRateLimiter, isLoopback, type RateLimit, type RateLimiter, rateLimitHeaders } from './rate-limit.ts';
import { DEFAULT_BODY_LIMIT_KIB, type Route, routesOf } from './route.ts';

export interface HttpLimits {
  /** Time in which a whole request must have arrived. */
  readonly requestTimeoutMs?: number;
  readonly headersTimeoutMs?: number;
  readonly keepAliveTimeoutMs?: number;
  /** Time in which a call must be answered. */
  readonly callTimeoutMs?: number;
  /** Requests under way, above which further ones get 503. */
  readonly maxInFlight?: number;
  readonly rate?: RateLimit;
  /** Whether the rate holds for loopback too. */
  readonly rateOnLoopback?: boolean;
}

export interface HttpServerOptions {
  readonly services: readonly DescService[];
  readonly invoke: Invoke;
  readonly clock: Clock;
  readonly log: Logger;
  readonly health: HealthSource;
  readonly metrics?: Metrics;
  /** Callers that show it have a rate limit of their own; feeds need it. */
  readonly apiKey?: string;
  /** Without it: the API key for feeds, everything else open. */
  readonly authorize?: Authorize;
  readonly limits?: HttpLimits;
  readonly corsOrigins?: readonly string[];
  /** Told of every answer. It must not throw. */
  readonly onHandled?: (request: HandledRequest) => void;
  /** Further GET routes by path: pages, documents. */
  readonly pages?: ReadonlyMap<string, PlainHandler>;
}

export interface HttpServer {
  readonly routes: readonly Route[];
  /** Requests that are not answered yet. */
  inFlight(): number;
  /** @returns the port that it listens on. @throws EADDRINUSE and its kind. */
  listen(address: { host: string; port: number }): Promise<number>;
  /** Answers what is under way, refuses new connections, and closes those that are idle. */
  close(): Promise<void>;
}

const DEFAULTS = {
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 72_000,
  callTimeoutMs: 10_000,
  maxInFlight: 2000,
  rate: undefined,
  rateOnLoopback: false,
};
/** How often Node looks for connections that are too slow. */
const CONNECTIONS_CHECK_MS = 2000;
const EMPTY = {};

/** @throws when a route cannot be served (see `routesOf`). */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const limits = { ...DEFAULTS, ...options.limits };
  const routes = routesOf(options.services);
  const app = createApp(limits);
  const state = { inFlight: 0, closing: false };
  const host: ExchangeHost = {
    log: options.log,
    monotonicMs: () => options.clock.monotonicMs(),
    onHandled: options.onHandled,
    isClosing: () => state.closing,
    corsOrigins: options.corsOrigins ?? [],
  };
  const settle = (): void => {
    state.inFlight -= 1;
  };
  const open = (request: FastifyRequest, reply: FastifyReply, route: string): Exchange => {
    const exchange = new Exchange(host, request.raw, reply.raw, route);
    (request as unknown as WithExchange).exchange = exchange;
    state.inFlight += 1;
    reply.raw.once('close', settle);
    return exchange;
  };
  const admit = createAdmission(options, limits, () => state.inFlight);
  const paths = [
    ...routes.map((route) => ({ pattern: route.template.pattern, httpMethod: route.httpMethod as string })),
  ];
  for (const route of routes) addRoute({ app, route, options, open, admit, callTimeoutMs: limits.callTimeoutMs });
  for (const [path, page] of [...healthRoutes(options.health, options.metrics), ...(options.pages ?? [])]) {
    paths.push({ pattern: new RegExp(`^${path.replaceAll('.', '\\.')}$`), httpMethod: 'GET' });
    addPage(app, path, page, open);
  }
  addFallbacks(app, open, paths);
  return {
    routes,
    inFlight: () => state.inFlight,
    async listen({ host: address, port }) {
      await app.listen({ host: address, port });
      return (app.server.address() as AddressInfo).port;
    },
    async close() {
      state.closing = true;
      await app.close();
    },
  };
}

interface WithExchange {
  exchange: Exchange;
  caller: Caller;
  credentials: Credentials;
}

type Open = (request: FastifyRequest, reply: FastifyReply, route: string) => Exchange;

function createApp(limits: Required<Pick<HttpLimits, 'requestTimeoutMs' | 'headersTimeoutMs' | 'keepAliveTimeoutMs'>>) {
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

type App = ReturnType<typeof createApp>;

/** Whether a request may go on: throws a `Refusal` when too much is under way or its caller sent too many. */
type Admit = (exchange: Exchange, credentials: Credentials) => void;

function createAdmission(
  options: HttpServerOptions,
  limits: HttpLimits & { maxInFlight: number },
  inFlight: () => number,
): Admit {
  const { rate } = limits;
  const limiter: RateLimiter | undefined =
    rate === undefined || rate.rps <= 0 ? undefined : createRateLimiter(rate, () => options.clock.monotonicMs());
  return (exchange, { apiKey }) => {
    if (inFlight() > limits.maxInFlight) throw refuseHttp('overloaded', {}, { retryAfterSeconds: 1 });
    if (limiter === undefined) return;
    const address = exchange.raw.socket.remoteAddress;
    if (isLoopback(address) && !limits.rateOnLoopback) return;
    // Only a key that holds makes a caller: made-up ones would each bring a fresh quota.
    const isKeyed = options.apiKey !== undefined && apiKey !== undefined && keyMatches(options.apiKey, apiKey);
    const decision = limiter.take(isKeyed ? 'api-key' : (address ?? 'unknown'));
    exchange.extraHeaders = rateLimitHeaders(limiter, decision);
    if (decision.allowed) return;
    const seconds = decision.retryAfterSeconds;
    throw refuseHttp('rate_limited', { seconds }, { retryAfterSeconds: seconds });
  };
}

interface RouteSetting {
  readonly app: App;
  readonly route: Route;
  readonly options: HttpServerOptions;
  readonly open: Open;
  readonly admit: Admit;
  readonly callTimeoutMs: number;
}

function addRoute({ app, route, options, open, admit, callTimeoutMs }: RouteSetting): void {
  const handle = createRouteHandler(route, options.invoke);
  const authorize = options.authorize ?? createAuthorize(options.apiKey);
  const names = route.variables.map((_, index) => `v${index}`);
  app.route({
    method: route.httpMethod === 'GET' ? ['GET', 'HEAD'] : route.httpMethod,
    url: route.template.routerUrl,
    bodyLimit: route.bodyLimitBytes,
    // Before the body is read: who may not call need not be listened to.
    onRequest(request, reply, done) {
      const exchange = open(request, reply, route.template.path);
      const state = request as unknown as WithExchange;
      const stop = (error: unknown): void => {
        reply.hijack();
        exchange.fail(error);
      };
      try {
        state.credentials = credentialsOf(request);
        admit(exchange, state.credentials);
        checkHeaders(request);
        const caller = authorize(route.method, state.credentials);
        if (caller instanceof Promise) {
          caller.then((found) => {
            state.caller = found;
            done();
          }, stop);
          return;
        }
        state.caller = caller;
      } catch (error) {
        stop(error);
        return;
      }
      done();
    },
    handler(request, reply) {
      const { exchange, caller, credentials } = request as unknown as WithExchange;
      reply.hijack();
      try {
        const params = request.params as Record<string, string>;
        handle({
          exchange,
          caller,
          credentials,
          variables: names.map((name) => params[name] as string),
          body: request.body as Uint8Array | undefined,
          deadlineMs: options.clock.monotonicMs() + callTimeoutMs,
        });
      } catch (error) {
        exchange.fail(error);
      }
    },
  });
}

function credentialsOf({ headers }: FastifyRequest): Credentials {
  const apiKey = headers['x-api-key'];
  return { authorization: headers.authorization, apiKey: Array.isArray(apiKey) ? apiKey[0] : apiKey } as Credentials;
}

function checkHeaders({ headers }: FastifyRequest): void {
  if (!acceptsJson(headers.accept)) throw refuseHttp('not_acceptable', {});
  const encoding = headers['content-encoding'];
  if (!isJsonType(headers['content-type']) || (encoding !== undefined && encoding !== 'identity')) {
    throw refuseHttp('unsupported_media_type', {});
  }
}

function addPage(app: FastifyInstance, path: string, page: PlainHandler, open: Open): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: path,
    handler(request, reply) {
      const exchange = open(request, reply, path);
      reply.hijack();
      // A page that throws at once fails like one that rejects.
      Promise.try(page, exchange).catch((error) => exchange.fail(error));
    },
  });
}

/** What Fastify itself finds wrong, and what no route is for. */
function addFallbacks(app: App, open: Open, paths: readonly { pattern: RegExp; httpMethod: string }[]): void {
  const exchangeOf = (request: FastifyRequest, reply: FastifyReply): Exchange =>
    (request as unknown as Partial<WithExchange>).exchange ?? open(request, reply, 'unmatched');
  const fail = (error: Error & { code?: string }, request: FastifyRequest, reply: FastifyReply): void => {
    const exchange = exchangeOf(request, reply);
    reply.hijack();
    // The rest of a body that is refused must not be taken for the next request.
    exchange.extraHeaders = { ...exchange.extraHeaders, connection: 'close' };
    exchange.fail(refusalOfFastify(error, request), exchange.raw.complete ? undefined : { connection: 'close' });
  };
  app.setErrorHandler(fail);
  app.onBadUrl(fail);
  app.setNotFoundHandler((request, reply) => {
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
  });
}

function answerOptions(exchange: Exchange, allow: string): void {
  const asked = exchange.raw.headers['access-control-request-method'];
  const cors: Record<string, string> =
    asked === undefined
      ? {}
      : {
          'access-control-allow-methods': allow,
          'access-control-allow-headers':
            'authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-api-key, x-request-id',
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
