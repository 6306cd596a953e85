// REST over HTTP: the routes of proto services, health, metrics and documentation on one port. Fastify routes and reads
// bodies; every answer is written by `exchange.ts`.
import type { AddressInfo } from 'node:net';
import type { DescService } from '@bufbuild/protobuf';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../service/context.ts';
import type { Clock } from '../time/index.ts';
import type { StartRequest } from '../tracing/index.ts';
import { addPage, addRoute } from './add-route.ts';
import { createAdmission } from './admission.ts';
import { type Authorize, createAuthorize } from './authorize.ts';
import type { Invoke } from './call-route.ts';
import { docsPages } from './docs-pages.ts';
import { Exchange, type ExchangeHost, type HandledRequest } from './exchange.ts';
import { addFallbacks, createApp, type WithExchange } from './fastify-app.ts';
import { type HealthSource, healthRoutes, type Metrics, type PlainHandler } from './health.ts';
import { refuseForeignHosts } from './host-header.ts';
import { type OpenApiDocument, openApiOf } from './open-api.ts';
import type { RateLimit } from './rate-limit.ts';
import { type Route, routesOf } from './route.ts';

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

/** What the documentation says of the API as a whole. */
export interface ApiFacts {
  readonly title: string;
  /** Markdown. */
  readonly description: string;
  /** Comments of the protos by full name: `docs` of `@tradepost/contracts/docs`. */
  readonly docs: Readonly<Record<string, string>>;
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
  /** Refuse requests whose `Host` is another name than one of this machine's own: a page of anybody's may send them. */
  readonly onlyLoopbackHosts?: boolean;
  /** Told of every answer. It must not throw. */
  readonly onHandled?: (request: HandledRequest) => void;
  /** Gives requests their spans; absent while nobody collects them. */
  readonly startSpan?: StartRequest | undefined;
  readonly api?: ApiFacts;
  /** Further GET routes by path: pages, documents. */
  readonly pages?: ReadonlyMap<string, PlainHandler>;
}

export interface HttpServer {
  readonly routes: readonly Route[];
  /** What `/openapi.json` answers. */
  readonly openApi: OpenApiDocument;
  /** Requests that are not answered yet. */
  inFlight(): number;
  /** @returns the port that it listens on. @throws EADDRINUSE and its kind. */
  listen(address: { host: string; port: number }): Promise<number>;
  /**
   * Answers what is under way, refuses new connections, and closes those that are idle. Cuts what is still open after
   * the limit: a request whose sender is slow has no end of its own.
   */
  close(limitMs?: number): Promise<void>;
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
const DEFAULT_CLOSE_MS = 10_000;
const UNDOCUMENTED: ApiFacts = { title: 'REST', description: 'The routes of this process.', docs: {} };

/** @throws when a route cannot be served (see `routesOf`). */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const limits = { ...DEFAULTS, ...options.limits };
  const { apiKey, clock } = options;
  const routes = routesOf(options.services);
  const app = createApp(limits);
  const state = { inFlight: 0, closing: false };
  const host: ExchangeHost = {
    log: options.log,
    monotonicMs: () => clock.monotonicMs(),
    onHandled: options.onHandled,
    startSpan: options.startSpan,
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
  if (options.onlyLoopbackHosts) refuseForeignHosts(app, open);
  const admit = createAdmission({ ...limits, apiKey, clock, inFlight: () => state.inFlight });
  const authorize = options.authorize ?? createAuthorize(apiKey);
  const reads = new Set(routes.filter((route) => route.httpMethod === 'GET').map((route) => route.template.shape));
  const shared = { app, open, admit, authorize, clock, invoke: options.invoke, callTimeoutMs: limits.callTimeoutMs };
  for (const route of routes) addRoute({ ...shared, route, hasItems: reads.has(`${route.template.shape}/{}`) });
  const pages = new Map([...healthRoutes(options.health, options.metrics), ...(options.pages ?? [])]);
  const platformPaths = [...pages.keys(), '/openapi.json', '/docs'];
  const needsApiKey = apiKey !== undefined;
  const api = { ...UNDOCUMENTED, ...options.api, version: options.health.version };
  const openApi = openApiOf({ ...api, services: options.services, routes, needsApiKey, platformPaths });
  for (const [path, page] of docsPages(openApi)) pages.set(path, page);
  for (const [path, page] of pages) addPage(app, path, page, open);
  addFallbacks(app, open, [
    ...routes.map((route) => ({ pattern: route.template.pattern, httpMethod: route.httpMethod as string })),
    ...[...pages.keys()].map((path) => ({ pattern: literalPattern(path), httpMethod: 'GET' })),
  ]);
  return {
    routes,
    openApi,
    inFlight: () => state.inFlight,
    async listen({ host: address, port }) {
      await app.listen({ host: address, port });
      return (app.server.address() as AddressInfo).port;
    },
    async close(limitMs = DEFAULT_CLOSE_MS) {
      state.closing = true;
      const timer = setTimeout(() => app.server.closeAllConnections(), limitMs);
      try {
        await app.close();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function literalPattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.')}$`);
}
