// Calls within the process, with the manners of a network: nothing is shared, requests and answers are copies, errors
// carry no cause, streams are bounded. Paranoid mode adds the network's bad days.
import {
  type DescMethod,
  type DescMethodUnary,
  fromBinary,
  type Message,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Refusal } from '../errors/index.ts';
import type { Call, Transport } from './call.ts';
import { withoutCause } from './call-errors.ts';
import { refuseCall } from './call-refusals.ts';
import { copyMessage } from './copy-message.ts';
import type { Dispatcher } from './dispatcher.ts';
import { sendRequests } from './send-requests.ts';

export interface ParanoidOptions {
  /** Longest delay before and after a call. Default 5 ms. */
  readonly maxDelayMs?: number;
  /** Share of calls that are refused as UNAVAILABLE before they arrive. Default 0.01. */
  readonly unavailableRatio?: number;
  /** A number in [0, 1); a seeded one makes a run repeatable. */
  readonly random?: () => number;
}

export interface LocalTransportOptions {
  readonly dispatcher: Dispatcher;
  /** Default: on with `TRADEPOST_PARANOID=1`. */
  readonly paranoid?: ParanoidOptions | false;
  /** Requests of a stream that wait for its handler. Default 32. */
  readonly streamBuffer?: number;
}

export function createLocalTransport({ dispatcher, streamBuffer = 32, ...options }: LocalTransportOptions): Transport {
  const paranoid = options.paranoid ?? (process.env.TRADEPOST_PARANOID === '1' ? {} : false);
  const wire = paranoid === false ? quietWire : paranoidWire(paranoid);
  const callUnary = async (method: DescMethodUnary, request: Message, call: Call): Promise<Message> => {
    try {
      const delay = wire.disturb();
      if (delay !== undefined) await delay;
      const answer = await dispatcher.unary(method, wire.copy(method.input, request), call);
      const back = wire.delay();
      if (back !== undefined) await back;
      return wire.copy(method.output, answer);
    } catch (error) {
      throw error instanceof Refusal ? withoutCause(error) : error;
    }
  };
  return {
    unary: (method, request, call) => callUnary(method, request, call) as Promise<MessageShape<never>>,
    stream: (method, requests, call) => callStream(dispatcher, wire, streamBuffer, method, requests, call),
  };
}

async function* callStream(
  dispatcher: Dispatcher,
  wire: Wire,
  streamBuffer: number,
  method: DescMethod,
  requests: AsyncIterable<Message>,
  call: Call,
): AsyncGenerator<Message> {
  await wire.disturb();
  const sending = sendRequests(requests, streamBuffer, (request) => wire.copy(method.input, request), call.signal);
  try {
    for await (const answer of dispatcher.stream(method, sending.pipe, { ...call, signal: sending.signal })) {
      await wire.delay();
      yield wire.copy(method.output, answer);
    }
  } catch (error) {
    // A fault of the caller's own requests is thrown back at the caller, not the cancellation that followed from it.
    const failure = sending.failure();
    if (failure !== undefined) throw failure.error;
    throw error instanceof Refusal ? withoutCause(error) : error;
  } finally {
    sending.stop();
  }
}

interface Wire {
  copy(schema: DescMethod['input'], message: Message): Message;
  delay(): Promise<void> | undefined;
  /** Before a call: delays it, and may reject as if nobody were there. */
  disturb(): Promise<void> | undefined;
}

const quietWire: Wire = {
  copy: (schema, message) => copyMessage(schema, message as never),
  delay: () => undefined,
  disturb: () => undefined,
};

function paranoidWire({ maxDelayMs = 5, unavailableRatio = 0.01, random = Math.random }: ParanoidOptions): Wire {
  const delay = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, random() * maxDelayMs));
  return {
    copy: (schema, message) => fromBinary(schema, toBinary(schema, copyMessage(schema, message as never))),
    delay,
    disturb: async () => {
      await delay();
      if (random() < unavailableRatio)
        throw refuseCall('unavailable', { what: 'The service' }, { retryAfterSeconds: 1 });
    },
  };
}
