// Ties a route to Fastify: who calls and whether they may is settled before the body is read.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../time/index.ts';
import { acceptsJson, isJsonType } from './accept.ts';
import type { Admit } from './admission.ts';
import type { Authorize, Credentials } from './authorize.ts';
import { createRouteHandler, type Invoke } from './call-route.ts';
import type { App, Open, WithExchange } from './fastify-app.ts';
import type { PlainHandler } from './health.ts';
import { refuseHttp } from './http-refusals.ts';
import type { Route } from './route.ts';

export interface RouteSetting {
  readonly app: App;
  readonly route: Route;
  readonly invoke: Invoke;
  readonly authorize: Authorize;
  readonly clock: Clock;
  /** Whether what it creates can be read below its path. */
  readonly hasItems: boolean;
  readonly open: Open;
  readonly admit: Admit;
  readonly callTimeoutMs: number;
}

export function addRoute(setting: RouteSetting): void {
  const { app, route, open, admit, authorize, clock, callTimeoutMs } = setting;
  const handle = createRouteHandler(route, setting.invoke, setting.hasItems);
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
          deadlineMs: clock.monotonicMs() + callTimeoutMs,
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

export function addPage(app: FastifyInstance, path: string, page: PlainHandler, open: Open): void {
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
