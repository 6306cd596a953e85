// Spans of calls: on the side that serves them, whatever transport they came by, and on the side that makes them.
import type { DescMethod } from '@bufbuild/protobuf';
import type { Call, Dispatcher, Transport } from '../rpc/index.ts';
import { newTraceparent } from './traceparent.ts';
import { currentTraceparent, inSpan, type Span, type SpanOptions, type Tracer } from './tracer.ts';

/** A request from outside. @returns undefined for one that nobody wants to see. */
export type StartRequest = (httpMethod: string, route: string, parent: string | undefined) => Span | undefined;

/** @param quiet routes without spans: probes come every few seconds. */
export function traceRequests(tracer: Tracer, quiet: ReadonlySet<string>): StartRequest | undefined {
  if (!tracer.enabled) return undefined;
  return (httpMethod, route, parent) =>
    quiet.has(route) ? undefined : tracer.startSpan(`${httpMethod} ${route}`, { kind: 'server', parent });
}

/** Without a collector calls that come without a context get one: what follows from them is tied together anyway. */
export function traceDispatcher(dispatcher: Dispatcher, tracer: Tracer): Dispatcher {
  if (tracer.enabled) return { ...dispatcher, ...traceTransport(dispatcher, tracer, 'server') };
  return {
    ...dispatcher,
    unary: (method, request, call) => dispatcher.unary(method, request, withTrace(call)),
    stream: (method, requests, call) => dispatcher.stream(method, requests, withTrace(call)),
  };
}

function withTrace(call: Call): Call {
  if (call.meta.traceparent !== undefined) return call;
  return { ...call, meta: { ...call.meta, traceparent: newTraceparent() } };
}

/** @param side `client` for what carries calls away, `server` for what they end in. */
export function traceTransport(transport: Transport, tracer: Tracer, side: 'client' | 'server'): Transport {
  if (!tracer.enabled) return transport;
  const optionsOf = ({ meta }: Call): SpanOptions => ({
    kind: side,
    // A call of the service's own, from within a span, knows nothing of it.
    parent: meta.traceparent ?? (side === 'client' ? currentTraceparent() : undefined),
    attributes: { request_id: meta.requestId },
  });
  return {
    unary: (method, request, call) =>
      inSpan(tracer, nameOf(method), optionsOf(call), (span) => transport.unary(method, request, within(call, span))),
    stream(method, requests, call) {
      const span = tracer.startSpan(nameOf(method), optionsOf(call));
      return endWith(transport.stream(method, requests, within(call, span)), span);
    },
  };
}

function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

function within(call: Call, { traceparent }: Span): Call {
  return { ...call, meta: { ...call.meta, traceparent } };
}

async function* endWith<T>(answers: AsyncIterable<T>, span: Span): AsyncGenerator<T> {
  try {
    yield* answers;
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}
