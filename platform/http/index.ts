export * from './authorize.ts';
export type { Invoke, InvokeFacts } from './call-route.ts';
export type { HandledRequest } from './exchange.ts';
export * from './health.ts';
export * from './http-server.ts';
export { type OpenApiDocument, type OpenApiOptions, openApiOf } from './open-api.ts';
export type { RateLimit } from './rate-limit.ts';
export { type Route, routesOf } from './route.ts';
