// What happens between a matched route and its answer: bind, call, write. Knows nothing of Fastify.
import type { DescMethodUnary, Message } from '@bufbuild/protobuf';
import { Refusal } from '../errors/index.ts';
import { encodeJson, fieldEncoder } from '../json/index.ts';
import type { Caller, CallMeta } from '../service/context.ts';
import type { Credentials } from './authorize.ts';
import { createBinder, errorsForCaller } from './bind-request.ts';
import { bodyTag, noneMatchHits, revisionTag } from './conditional.ts';
import type { Exchange } from './exchange.ts';
import { queryOf } from './query-string.ts';
import { isPageOf, type Route } from './route.ts';

export interface InvokeFacts {
  readonly meta: CallMeta;
  readonly credentials: Credentials;
}

/** Calls a method, here or elsewhere. It rejects with a `Refusal`; anything else counts as a bug. */
export type Invoke = (
  method: DescMethodUnary,
  request: Message,
  facts: InvokeFacts,
) => Promise<{ readonly message: Message; readonly replayed?: boolean }>;

export interface MatchedRequest {
  readonly exchange: Exchange;
  readonly variables: readonly string[];
  readonly body: Uint8Array | undefined;
  readonly caller: Caller;
  readonly credentials: Credentials;
  /** `clock.monotonicMs()` after which nobody waits for the answer any more. */
  readonly deadlineMs: number;
}

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * @param hasItems whether what the route creates can be read at `<its path>/<id>`.
 * @returns the handler of a route; it answers every request, also by throwing a `Refusal`.
 */
export function createRouteHandler(route: Route, invoke: Invoke, hasItems: boolean): (matched: MatchedRequest) => void {
  const bind = createBinder(route);
  const write = createWriter(route, hasItems);
  return (matched) => {
    const { exchange } = matched;
    const { headers, url } = exchange.raw;
    const request = bind({
      variables: matched.variables,
      query: queryOf(url ?? ''),
      body: matched.body,
      ifMatch: headers['if-match'],
    });
    const meta: CallMeta = {
      caller: matched.caller,
      requestId: exchange.ids.requestId,
      correlationId: exchange.ids.correlationId,
      traceparent: exchange.ids.traceparent,
      deadlineMs: matched.deadlineMs,
    };
    const key = idempotencyKeyOf(headers['idempotency-key']);
    invoke(route.method, request, {
      meta: key === undefined ? meta : { ...meta, idempotencyKey: key },
      credentials: matched.credentials,
    })
      .then(
        (answer) => write(exchange, answer.message, answer.replayed === true),
        (error) => exchange.fail(refusalForCaller(route, error, headers['if-match'] !== undefined)),
      )
      .catch((error) => exchange.fail(error));
  };
}

function idempotencyKeyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && IDEMPOTENCY_KEY.test(header)) return header;
  const detail = 'Idempotency-Key must have 1 to 255 visible ASCII characters, without spaces';
  const code = 'invalid_idempotency_key';
  throw new Refusal(code, 'INVALID_ARGUMENT', 'Invalid Idempotency-Key', detail, {
    errors: [{ pointer: 'Idempotency-Key', code, detail }],
  });
}

/** A revision that did not match is a failed precondition (412) to who asked by If-Match, and told in terms of it. */
function refusalForCaller(route: Route, error: unknown, hasIfMatch: boolean): unknown {
  if (!(error instanceof Refusal)) return error;
  const errors = errorsForCaller(route, error);
  const conflict = hasIfMatch && error.code.includes('revision');
  if (errors === undefined && !conflict) return error;
  const detail = conflict ? 'The resource is not as the entity tag in If-Match says: read it again' : error.message;
  return new Refusal(error.code, error.status, error.title, detail, {
    ...error.options,
    ...(errors === undefined ? {} : { errors }),
    ...(conflict ? { httpStatus: 412 } : {}),
  });
}

type Write = (exchange: Exchange, message: Message, replayed: boolean) => void;

function createWriter(route: Route, hasItems: boolean): Write {
  const { responseBody, successStatus, method } = route;
  const encodeField = responseBody === undefined ? undefined : fieldEncoder(responseBody);
  const isRead = route.httpMethod === 'GET';
  const isPage = isPageOf(method);
  const isOne = isRead && !isPage && responseBody?.fieldKind !== 'list';
  return (exchange, message, replayed) => {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (replayed) headers['idempotent-replayed'] = 'true';
    if (successStatus === 204) {
      exchange.answer(204, replayed ? { 'idempotent-replayed': 'true' } : {}, '');
      return;
    }
    const resource =
      responseBody === undefined ? message : (message as unknown as Record<string, unknown>)[responseBody.localName];
    if (resource === undefined)
      throw new Error(`${method.parent.typeName}.${method.name} answered without ${responseBody?.name}`);
    const body = encodeField === undefined ? encodeJson(method.output, message as never) : encodeField(resource);
    if (isPage && responseBody !== undefined) addNextLink(exchange, message, headers);
    if (hasItems && successStatus === 201) addLocation(exchange, resource, headers);
    const tag = revisionTag(resource as Message) ?? (isOne ? bodyTag(body) : undefined);
    if (tag !== undefined) headers.etag = tag;
    const noneMatch = exchange.raw.headers['if-none-match'];
    if (isOne && tag !== undefined && noneMatch !== undefined && noneMatchHits(noneMatch, tag)) {
      exchange.answer(304, { etag: tag }, '');
    } else exchange.answer(successStatus, headers, body);
  };
}

function addLocation(exchange: Exchange, resource: unknown, headers: Record<string, string>): void {
  const { id } = resource as { id?: unknown };
  if (typeof id === 'bigint' || typeof id === 'string')
    headers['location'] = `${exchange.path}/${encodeURIComponent(String(id))}`;
}

/** RFC 8288. The reference is relative, so that no `Host` header finds its way into an answer. */
function addNextLink(exchange: Exchange, message: Message, headers: Record<string, string>): void {
  const { nextCursor } = message as unknown as { nextCursor?: string };
  if (!nextCursor) return;
  const query = new URLSearchParams(queryOf(exchange.raw.url ?? ''));
  query.set('cursor', nextCursor);
  headers.link = `<${exchange.path}?${query}>; rel="next"`;
}
