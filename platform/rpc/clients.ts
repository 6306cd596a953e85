// Typed clients of every service, local where this process serves it, remote where the address table says. Features
// see only `client(service)` and cannot tell which it was.
import type { DescMethod, DescMethodUnary, DescService, Message, MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { isInTransaction } from '../db/index.ts';
import { Refusal, type StatusName } from '../errors/index.ts';
import type { CallMeta } from '../service/context.ts';
import { type Clock, systemClock, uuidv7 } from '../time/index.ts';
import type { Call, Transport } from './call.ts';
import { refuseCall } from './call-refusals.ts';
import type { CallOptions, Client } from './client.ts';
import { coalesceReads } from './coalesced-reads.ts';
import type { Dispatcher } from './dispatcher.ts';
import { observedCall, type RpcObserver } from './observer.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

export interface ClientsOptions {
  readonly dispatcher: Dispatcher;
  /** Used for what the dispatcher serves. */
  readonly local: Transport;
  /** @returns the transport to a service that lives elsewhere; undefined when nobody knows where. */
  readonly remote?: (service: DescService) => Transport | undefined;
  readonly clock?: Clock;
  /** Learns of unary calls from the caller's side; streams are seen by the side that serves them. */
  readonly observer?: RpcObserver;
  /** Default for unary calls. Default 10 s. */
  readonly timeoutMs?: number;
}

export interface Clients {
  /** @param as the calling service's name: it is the caller of what it asks on its own behalf. */
  client<S extends DescService>(service: S, as: string): Client<S>;
  /** One unary call, for code that knows methods only from their descriptors. */
  call<M extends DescMethodUnary>(
    method: M,
    request: MessageInitShape<M['input']>,
    as: string,
    options?: CallOptions,
  ): Promise<Message>;
}

type UnaryCall = (request: object, options?: CallOptions) => Promise<Message>;

export function createClients(options: ClientsOptions): Clients {
  const { dispatcher, local, clock = systemClock } = options;
  const transports = new Map<DescService, Transport>();
  const clients = new Map<string, unknown>();

  const transportOf = (service: DescService): Transport => {
    let transport = transports.get(service);
    if (transport === undefined) {
      transport = dispatcher.serves(service) ? local : options.remote?.(service);
      if (transport === undefined) throw refuseCall('unavailable', { what: service.typeName });
      transports.set(service, transport);
    }
    return transport;
  };
  const callOf = (as: string, timeoutMs: number | undefined, given: CallOptions = {}): Call => ({
    meta: completeMeta(as, given.meta, given.timeoutMs ?? timeoutMs, clock),
    ...(given.signal === undefined ? {} : { signal: given.signal }),
    ...(given.credentials === undefined ? {} : { credentials: given.credentials }),
    ...(given.onReplayed === undefined ? {} : { onReplayed: given.onReplayed }),
  });
  const unary = (method: DescMethodUnary, as: string): UnaryCall => {
    return async (request, given) => {
      refuseInTransaction(method);
      const call = callOf(as, options.timeoutMs ?? DEFAULT_TIMEOUT_MS, given);
      const send = (): Promise<Message> => transportOf(method.parent).unary(method, request as Message, call);
      return options.observer === undefined ? send() : observe(options.observer, clock, method, call, send);
    };
  };
  const createClient = (service: DescService, as: string): Record<string, unknown> => {
    const methods: Record<string, unknown> = {};
    for (const method of service.methods) {
      methods[method.localName] =
        method.methodKind === 'unary'
          ? coalesceReads(
              method as DescMethodUnary,
              unary(method as DescMethodUnary, as),
              (other) => unary(other, as),
              clock,
            )
          : streamCall(method, transportOf, (given) => callOf(as, undefined, given));
    }
    return methods;
  };

  return {
    client: (service, as) => {
      const key = `${as} ${service.typeName}`;
      if (!clients.has(key)) clients.set(key, createClient(service, as));
      return clients.get(key) as never;
    },
    call: (method, request, as, given) => unary(method, as)(request as object, given),
  };
}

async function observe(
  observer: RpcObserver,
  clock: Clock,
  method: DescMethod,
  { meta }: Call,
  send: () => Promise<Message>,
): Promise<Message> {
  const observed = observedCall('client', method);
  const startedMs = clock.monotonicMs();
  let code: StatusName | 'OK' = 'OK';
  observer.started?.(observed);
  try {
    return await send();
  } catch (error) {
    code = error instanceof Refusal ? error.status : 'UNKNOWN';
    throw error;
  } finally {
    observer.handled?.(observed, code, (clock.monotonicMs() - startedMs) / 1000, meta.requestId);
  }
}

function streamCall(
  method: DescMethod,
  transportOf: (service: DescService) => Transport,
  callOf: (given?: CallOptions) => Call,
): unknown {
  const open = (requests: AsyncIterable<Message>, given?: CallOptions): AsyncIterable<Message> => {
    refuseInTransaction(method);
    return transportOf(method.parent).stream(method, requests, callOf(given));
  };
  if (method.methodKind === 'server_streaming') {
    return (request: object, given?: CallOptions) => open(one(create(method.input, request as never)), given);
  }
  if (method.methodKind === 'bidi_streaming') return open;
  return async (requests: AsyncIterable<Message>, given?: CallOptions) => {
    for await (const answer of open(requests, given)) return answer;
    throw refuseCall('malformed_request', {});
  };
}

async function* one(request: Message): AsyncGenerator<Message> {
  yield request;
}

function completeMeta(
  as: string,
  meta: Partial<CallMeta> | undefined,
  timeoutMs: number | undefined,
  clock: Clock,
): CallMeta {
  const requestId = meta?.requestId ?? uuidv7();
  const ownDeadlineMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() + timeoutMs;
  const deadlineMs = Math.min(ownDeadlineMs, meta?.deadlineMs ?? Number.POSITIVE_INFINITY);
  return {
    caller: { kind: 'service', name: as },
    correlationId: requestId,
    ...meta,
    requestId,
    ...(deadlineMs === Number.POSITIVE_INFINITY ? {} : { deadlineMs }),
  };
}

function refuseInTransaction(method: DescMethod): void {
  if (!isInTransaction()) return;
  throw new Error(
    `${method.parent.typeName}.${method.name} was called inside an open database transaction, which would hold its ` +
      'locks and its connection for as long as the other side takes: ask in `load`, before the transaction begins.',
  );
}
