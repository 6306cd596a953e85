// Calls over the network: gRPC with deadlines on unary calls, keepalive, and balancing over all addresses of a name.
import {
  type DescMethod,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { Refusal } from '../errors/index.ts';
import { type Clock, systemClock } from '../time/index.ts';
import type { Call, Transport } from './call.ts';
import { refuseIfLate } from './call-limits.ts';
import { REPLAYED, writeMetadata } from './call-metadata.ts';
import { refuseCall } from './call-refusals.ts';
import { copyMessage } from './copy-message.ts';
import { refusalOfServiceError } from './grpc-status.ts';

export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;

export interface GrpcTransportOptions {
  /** `host:port`, or `dns:///host:port` for all addresses of a name. */
  readonly address: string;
  readonly clock?: Clock;
  readonly maxMessageBytes?: number;
}

export interface GrpcTransport extends Transport {
  close(): void;
}

export function createGrpcTransport({ address, clock = systemClock, ...options }: GrpcTransportOptions): GrpcTransport {
  const maxBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.max_receive_message_length': maxBytes,
    'grpc.max_send_message_length': maxBytes,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.service_config': '{"loadBalancingConfig":[{"round_robin":{}}]}',
  });
  return {
    unary: (method, request, call) => callUnary(client, clock, method, request, call) as never,
    stream: (method, requests, call) => callStream(client, clock, method, requests, call),
    close: () => client.close(),
  };
}

export interface GrpcTransports {
  transportOf(service: DescService): Transport | undefined;
  close(): void;
}

/** One connection an address. @param addressOf says where a service lives; undefined when nobody knows. */
export function createGrpcTransports(
  addressOf: (service: DescService) => string | undefined,
  options: Omit<GrpcTransportOptions, 'address'> = {},
): GrpcTransports {
  const transports = new Map<string, GrpcTransport>();
  return {
    transportOf: (service) => {
      const address = addressOf(service);
      if (address === undefined) return undefined;
      let transport = transports.get(address);
      if (transport === undefined) {
        transport = createGrpcTransport({ ...options, address });
        transports.set(address, transport);
      }
      return transport;
    },
    close: () => {
      for (const transport of transports.values()) transport.close();
    },
  };
}

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export function toBuffer(schema: DescMethod['input'], message: Message): Buffer {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Fields of bytes are cut from what the codec is given, and must not come out as Node's buffers. */
export function asBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function whatOf(method: DescMethod): string {
  return method.parent.typeName;
}

/** gRPC deadlines are wall-clock times; ours are monotonic. */
function deadlineOf({ meta }: Call, clock: Clock, defaultMs: number): number {
  const restMs = meta.deadlineMs === undefined ? defaultMs : meta.deadlineMs - clock.monotonicMs();
  return Date.now() + restMs;
}

async function callUnary(
  client: Client,
  clock: Clock,
  method: DescMethodUnary,
  request: Message,
  call: Call,
): Promise<Message> {
  refuseIfLate(call, clock);
  // The request may be an init shape, which the codec does not take.
  const bytes = toBuffer(method.input, copyMessage(method.input, request as never));
  const options = { deadline: deadlineOf(call, clock, DEFAULT_TIMEOUT_MS) };
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer?: Buffer): void => {
      call.signal?.removeEventListener('abort', cancel);
      if (error !== null) reject(refusalOfServiceError(error, whatOf(method)));
      else resolve(decodeAnswer(method, answer as Buffer));
    };
    const running = client.makeUnaryRequest(
      pathOf(method),
      asIs,
      asIs,
      bytes,
      writeMetadata(call),
      options,
      (...args) => {
        try {
          done(...args);
        } catch (fault) {
          reject(fault);
        }
      },
    );
    const cancel = (): void => running.cancel();
    call.signal?.addEventListener('abort', cancel, { once: true });
    if (call.onReplayed === undefined) return;
    running.on('status', ({ metadata }: StatusObject) => {
      if (metadata.get(REPLAYED).length > 0) call.onReplayed?.();
    });
  });
}

function decodeAnswer(method: DescMethod, bytes: Buffer): Message {
  try {
    return fromBinary(method.output, asBytes(bytes));
  } catch (cause) {
    throw new Error(`${whatOf(method)}.${method.name} answered with what is no ${method.output.typeName}.`, { cause });
  }
}

async function* callStream(
  client: Client,
  clock: Clock,
  method: DescMethod,
  requests: AsyncIterable<Message>,
  call: Call,
): AsyncGenerator<Message> {
  refuseIfLate(call, clock);
  // On the wire every kind of stream is the same.
  const options = { deadline: deadlineOf(call, clock, Number.POSITIVE_INFINITY) };
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(pathOf(method), asIs, asIs, writeMetadata(call), options);
  // After the answers' reader has left, the error of the cancellation has nobody to go to.
  stream.on('error', () => {});
  const cancel = (): void => stream.cancel();
  call.signal?.addEventListener('abort', cancel, { once: true });
  let failure: { error: unknown } | undefined;
  void sendAll(stream, method, requests).catch((error) => {
    failure = { error };
    stream.cancel();
  });
  try {
    for await (const bytes of stream) yield decodeAnswer(method, bytes as Buffer);
  } catch (error) {
    if (failure !== undefined) throw failure.error;
    if (error instanceof Refusal || (error as ServiceError).code === undefined) throw error;
    if (call.signal?.aborted) throw refuseCall('cancelled', {});
    throw refusalOfServiceError(error as ServiceError, whatOf(method));
  } finally {
    call.signal?.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

async function sendAll(
  stream: ClientDuplexStream<Buffer, Buffer>,
  method: DescMethod,
  requests: AsyncIterable<Message>,
): Promise<void> {
  let isClosed = false;
  let onRoom: (() => void) | undefined;
  const wake = (): void => onRoom?.();
  stream.on('drain', wake);
  stream.once('close', () => {
    isClosed = true;
    wake();
  });
  stream.once('status', () => {
    isClosed = true;
    wake();
  });
  for await (const request of requests) {
    if (isClosed) return;
    const hasRoom = stream.write(toBuffer(method.input, copyMessage(method.input, request as never)));
    if (!hasRoom && !isClosed) {
      await new Promise<void>((resolve) => {
        onRoom = resolve;
      });
    }
  }
  if (!isClosed) stream.end();
}
