// The door from the network: gRPC in front of a dispatcher, with the standard health and reflection services. Bytes are
// decoded here, so that rubbish is INVALID_ARGUMENT and never an internal error.
import { type DescMethod, type DescMethodUnary, type DescService, fromBinary, type Message } from '@bufbuild/protobuf';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { Refusal } from '../errors/index.ts';
import type { Caller, Context, Logger } from '../service/context.ts';
import { type Clock, systemClock } from '../time/index.ts';
import type { Call, Credentials } from './call.ts';
import { refusalOfError } from './call-errors.ts';
import { REPLAYED, readMetadata } from './call-metadata.ts';
import { refuseCall } from './call-refusals.ts';
import { createDispatcher, type Dispatcher } from './dispatcher.ts';
import { statusOfRefusal } from './grpc-status.ts';
import { asBytes, MAX_MESSAGE_BYTES, pathOf, toBuffer } from './grpc-transport.ts';
import { createHealth, type Health } from './health.ts';
import { createPipe, type Pipe } from './pipe.ts';
import { reflectionOf } from './reflection.ts';

const STREAM_BUFFER = 32;
const HALF_CLOSE_GRACE_MS = 25;

export interface GrpcServerOptions {
  readonly dispatcher: Dispatcher;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Which of the dispatcher's services are offered here. Default all. */
  readonly services?: readonly DescService[];
  /** Believe other services when they say on whose behalf they ask. Only where nobody else can connect. */
  readonly trustCallers?: boolean;
  /** Who calls, from what it brought along. Without it, and without trust, everybody is anonymous. */
  readonly authenticate?: (credentials: Credentials) => Caller | Promise<Caller>;
  readonly maxMessageBytes?: number;
  /** Longest time for a unary call that comes without a deadline. Default 60 s. */
  readonly maxUnaryMs?: number;
}

export interface GrpcServer {
  readonly health: Health;
  /** @param address `127.0.0.1:50051`; port 0 takes a free one. @returns the port. @throws when it is taken. */
  listen(address: string): Promise<number>;
  /** Reports NOT_SERVING, accepts nothing new, lets running calls finish, and cuts off what is left after the limit. */
  close(limitMs?: number): Promise<void>;
}

interface Door {
  readonly options: GrpcServerOptions;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
}

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { dispatcher, log, clock = systemClock } = options;
  const services = options.services ?? dispatcher.services();
  const maxBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  const server = new Server({
    'grpc.max_receive_message_length': maxBytes,
    'grpc.max_send_message_length': maxBytes,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_concurrent_streams': 1000,
  });
  const health = createHealth(services.map(({ typeName }) => typeName));
  // Health and reflection are open to everyone and watched without end, so they have rules of their own.
  const own = createDispatcher({
    log,
    clock,
    streamIdleMs: Number.POSITIVE_INFINITY,
    streamLifeMs: Number.POSITIVE_INFINITY,
  });
  const ownImplementations = [health.implementation, ...reflectionOf(() => [...services, ...own.services()])];
  own.serve({ implementations: ownImplementations, context: {} as Context });
  for (const service of services) addService(server, service, { options, dispatcher, clock });
  for (const service of own.services()) addService(server, service, { options, dispatcher: own, clock });

  return {
    health,
    listen: (address) =>
      new Promise((resolve, reject) => {
        server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
          if (error === null) resolve(port);
          else reject(error);
        });
      }),
    close: async (limitMs = 10_000) => {
      health.drain();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, limitMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}

function addService(server: Server, service: DescService, door: Door): void {
  const definition: Record<string, unknown> = {};
  const handlers: Record<string, unknown> = {};
  const asIs = (bytes: Buffer): Buffer => bytes;
  for (const method of service.methods) {
    const isUnary = method.methodKind === 'unary';
    definition[method.localName] = {
      path: pathOf(method),
      // On the wire every kind of stream is the same.
      requestStream: !isUnary,
      responseStream: !isUnary,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    };
    handlers[method.localName] = isUnary
      ? (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) =>
          void serveUnary(door, method as DescMethodUnary, call, callback)
      : (call: ServerDuplexStream<Buffer, Buffer>) => void serveStream(door, method, call);
  }
  server.addService(definition as ServiceDefinition, handlers as never);
}

interface Connected {
  readonly metadata: Metadata;
  getDeadline(): Date | number;
  on(event: 'cancelled', listener: () => void): unknown;
}

async function readCall({ options, clock }: Door, connected: Connected, defaultMs: number): Promise<Call> {
  const { cause, claimedCaller, credentials } = readMetadata(connected.metadata);
  const deadline = Number(connected.getDeadline());
  const restMs = Math.min(deadline - Date.now(), defaultMs);
  const controller = new AbortController();
  connected.on('cancelled', () => controller.abort());
  const isTrusted = options.trustCallers === true && claimedCaller !== undefined;
  const caller = isTrusted ? claimedCaller : ((await options.authenticate?.(credentials)) ?? { kind: 'anonymous' });
  return {
    meta: { ...cause, caller, ...(Number.isFinite(restMs) ? { deadlineMs: clock.monotonicMs() + restMs } : {}) },
    signal: controller.signal,
    credentials,
  };
}

function decodeRequest(method: DescMethod, bytes: Buffer): Message {
  try {
    return fromBinary(method.input, asBytes(bytes));
  } catch {
    throw refuseCall('malformed_request', {});
  }
}

async function serveUnary(
  door: Door,
  method: DescMethodUnary,
  grpcCall: ServerUnaryCall<Buffer, Buffer>,
  callback: sendUnaryData<Buffer>,
): Promise<void> {
  const trailer = new Metadata();
  try {
    const call = await readCall(door, grpcCall, door.options.maxUnaryMs ?? 60_000);
    const request = decodeRequest(method, grpcCall.request);
    const onReplayed = (): void => trailer.set(REPLAYED, 'true');
    const answer = await door.dispatcher.unary(method, request, { ...call, onReplayed });
    callback(null, toBuffer(method.output, answer), trailer);
  } catch (error) {
    callback(statusOfRefusal(asRefusal(door, method, grpcCall, error), trailer));
  }
}

async function serveStream(door: Door, method: DescMethod, stream: ServerDuplexStream<Buffer, Buffer>): Promise<void> {
  const requests = createPipe<Message>(STREAM_BUFFER);
  const decoding = readInto(requests, method, stream);
  try {
    const call = await readCall(door, stream, Number.POSITIVE_INFINITY);
    const signal = AbortSignal.any([call.signal as AbortSignal, decoding.signal]);
    for await (const answer of door.dispatcher.stream(method, requests, { ...call, signal })) {
      if (!stream.write(toBuffer(method.output, answer))) await roomIn(stream, signal);
    }
    stream.end();
  } catch (error) {
    // A request that could not be decoded is the reason, not the cancellation that followed from it.
    const reason: unknown = decoding.signal.aborted ? decoding.signal.reason : error;
    stream.emit('error', statusOfRefusal(asRefusal(door, method, stream, reason)));
  } finally {
    void requests.return();
  }
}

/** Not by the stream's own iterator, which destroys the stream, and with it the status that was to be sent. */
function readInto(
  requests: Pipe<Message>,
  method: DescMethod,
  stream: ServerDuplexStream<Buffer, Buffer>,
): AbortController {
  const failed = new AbortController();
  stream.on('data', (bytes: Buffer) => {
    if (failed.signal.aborted) return;
    try {
      const pushed = requests.push(decodeRequest(method, bytes));
      if (!requests.isFull()) return;
      stream.pause();
      void pushed.then(() => stream.resume());
    } catch (error) {
      failed.abort(error);
    }
  });
  // Node's HTTP/2 client ends a stream that it cancels, and resets it only then. What has its one answer at the end
  // waits for the reset, so that a half-sent stream is not taken for whole.
  const graceMs = method.methodKind === 'client_streaming' ? HALF_CLOSE_GRACE_MS : 0;
  stream.on('end', () => {
    setTimeout(() => {
      if (!stream.cancelled) requests.end();
    }, graceMs);
  });
  return failed;
}

async function roomIn(stream: ServerDuplexStream<Buffer, Buffer>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off('drain', go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    stream.once('drain', go);
    signal.addEventListener('abort', go, { once: true });
  });
}

function asRefusal(door: Door, method: DescMethod, { metadata }: Connected, error: unknown): Refusal {
  return refusalOfError(
    error,
    readMetadata(metadata).cause,
    `${method.parent.typeName}.${method.name}`,
    door.options.log,
  );
}
