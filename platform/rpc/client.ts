// A typed client of a service. The same type stands for a call within the process and one over the network.
import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { CallMeta } from '../service/context.ts';
import type { Credentials } from './call.ts';

export interface CallOptions {
  /** Time that the call may take; default 10 s for unary calls, none for streams. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Who asks and why; without it, the service itself asks in a request of its own. */
  readonly meta?: Partial<CallMeta>;
  /** Called when the answer is the one that an earlier call with the same idempotency key got. */
  readonly onReplayed?: () => void;
  /** What proves who asks, handed on to the service as it came. */
  readonly credentials?: Credentials;
}

type MethodClient<M extends DescMethod> = M extends DescMethodUnary
  ? (request: MessageInitShape<M['input']>, options?: CallOptions) => Promise<MessageShape<M['output']>>
  : M extends DescMethodServerStreaming
    ? (request: MessageInitShape<M['input']>, options?: CallOptions) => AsyncIterable<MessageShape<M['output']>>
    : M extends DescMethodClientStreaming
      ? (
          requests: AsyncIterable<MessageInitShape<M['input']>>,
          options?: CallOptions,
        ) => Promise<MessageShape<M['output']>>
      : M extends DescMethodBiDiStreaming
        ? (
            requests: AsyncIterable<MessageInitShape<M['input']>>,
            options?: CallOptions,
          ) => AsyncIterable<MessageShape<M['output']>>
        : never;

/** Calls reject with a `Refusal`, whatever the transport. */
export type Client<S extends DescService> = { readonly [Name in keyof S['method']]: MethodClient<S['method'][Name]> };
