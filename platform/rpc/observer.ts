// What metrics and access logs learn of every call. Telemetry implements it under the names of go-grpc-prometheus.
import type { DescMethod } from '@bufbuild/protobuf';
import type { StatusName } from '../errors/index.ts';

export type RpcSide = 'client' | 'server';

export interface ObservedCall {
  readonly side: RpcSide;
  /** Full name: `tradepost.user.v1.UserService`. */
  readonly service: string;
  /** Proto name: `GetUser`. */
  readonly method: string;
  readonly type: 'unary' | 'client_stream' | 'server_stream' | 'bidi_stream';
}

export interface RpcObserver {
  started?(call: ObservedCall): void;
  /** One message of a stream; unary calls are not counted message by message. */
  received?(call: ObservedCall): void;
  sent?(call: ObservedCall): void;
  handled?(call: ObservedCall, code: StatusName | 'OK', seconds: number, requestId: string): void;
}

const TYPES = {
  unary: 'unary',
  client_streaming: 'client_stream',
  server_streaming: 'server_stream',
  bidi_streaming: 'bidi_stream',
} as const;

const observed = { client: new WeakMap<DescMethod, ObservedCall>(), server: new WeakMap<DescMethod, ObservedCall>() };

/** The same object for the same method, so that an observer may key its own tables by it. */
export function observedCall(side: RpcSide, method: DescMethod): ObservedCall {
  let call = observed[side].get(method);
  if (call === undefined) {
    call = { side, service: method.parent.typeName, method: method.name, type: TYPES[method.methodKind] };
    observed[side].set(method, call);
  }
  return call;
}
