// What the two ways through the dispatcher, unary and stream, have in common.
import type { DescMethod } from '@bufbuild/protobuf';
import type { CommandRunner } from '../commands/index.ts';
import type { StatusName } from '../errors/index.ts';
import type { Logger } from '../service/context.ts';
import type { AnyHandler } from '../service/feature.ts';
import type { Clock } from '../time/index.ts';
import type { Call } from './call.ts';
import type { HandlerContext } from './call-context.ts';
import type { RpcObserver } from './observer.ts';

export interface IncomingCall extends Call {
  readonly method: DescMethod;
}

/** Runs before validation and handler; throws a `Refusal` to turn the call away. */
export type Guard = (call: IncomingCall) => void | Promise<void>;

export interface DispatcherOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  readonly observer?: RpcObserver;
  readonly guards?: readonly Guard[];
  /** Wraps the run of every call: for storage that follows its asynchronous work. */
  readonly around?: <T>(call: IncomingCall, run: () => T) => T;
  /** Messages that wait in each direction of a stream. Default 32. */
  readonly streamBuffer?: number;
  /** A stream in which nothing moves for so long is ended. Default 15 minutes. */
  readonly streamIdleMs?: number;
  /** A stream is ended after so long, to be resumed. Default 2 hours. */
  readonly streamLifeMs?: number;
}

export interface Served {
  readonly handler: AnyHandler;
  readonly createContext: () => HandlerContext;
  readonly commands: CommandRunner | undefined;
}

export interface Dispatch {
  readonly options: DispatcherOptions;
  readonly clock: Clock;
  /** @returns what serves the method. @throws Refusal when nothing does, or when the process is shutting down. */
  admit(method: DescMethod): Served;
  /** How each running stream is stopped. */
  readonly streams: Set<(reason: Error) => void>;
  /** Counts the call from its start; @returns what must be called when it ends. */
  begin(method: DescMethod, call: Call): (code: StatusName | 'OK') => void;
}

export async function passGuards(guards: readonly Guard[], method: DescMethod, call: Call): Promise<void> {
  for (const guard of guards) await guard({ ...call, method });
}
