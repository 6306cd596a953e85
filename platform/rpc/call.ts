// What a call is between client, transport and dispatcher. Every transport carries all of it.
import type { DescMethod, DescMethodUnary, Message, MessageShape } from '@bufbuild/protobuf';
import type { Caller, CallMeta } from '../service/context.ts';

/** What proves who calls; handed on as it came, never logged. */
export interface Credentials {
  readonly authorization?: string;
  readonly apiKey?: string;
}

export interface Call {
  readonly meta: CallMeta;
  readonly signal?: AbortSignal;
  readonly credentials?: Credentials;
  /** Called, before the call settles, when an earlier call with the same idempotency key got this answer. */
  readonly onReplayed?: () => void;
}

/**
 * Carries calls to one service. Both methods reject with a `Refusal`. A transport never keeps or hands out the caller's
 * objects: what arrives is a copy.
 */
export interface Transport {
  unary<M extends DescMethodUnary>(method: M, request: Message, call: Call): Promise<MessageShape<M['output']>>;
  /** Every kind of stream; a client stream answers with one message. */
  stream(method: DescMethod, requests: AsyncIterable<Message>, call: Call): AsyncIterable<Message>;
}

/** One word per caller: for scopes, groups and logs. */
export function callerName(caller: Caller): string {
  if (caller.kind === 'anonymous') return 'anonymous';
  return caller.kind === 'service' ? `service:${caller.name}` : `${caller.kind}:${caller.id}`;
}

/** @returns the caller of a `callerName`, or undefined when it is none. */
export function parseCaller(name: string): Caller | undefined {
  if (name === 'anonymous') return { kind: 'anonymous' };
  const [, kind, rest] = /^(person|staff|service):(.{1,100})$/.exec(name) ?? [];
  if (kind === 'service' && rest !== undefined && /^[a-z][a-z0-9-]*$/.test(rest)) return { kind, name: rest };
  if ((kind === 'person' || kind === 'staff') && /^[1-9]\d{0,18}$/.test(rest ?? '')) {
    return { kind, id: BigInt(rest as string) };
  }
  return undefined;
}
