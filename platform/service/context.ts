// What a feature is given: who calls, what it may ask, what it may write. Features see nothing else of the platform.
import type { DescMessage, DescMethodUnary, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { EventDeclaration } from '@tradepost/contracts/declare-event';
import type { Queryable } from '../db/index.ts';
import type { Cursors } from '../paging/index.ts';
import type { Client } from '../rpc/client.ts';
import type { Clock } from '../time/index.ts';
import type { Command, CommandItem, Settled } from './feature.ts';

export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'person'; readonly id: bigint }
  | { readonly kind: 'staff'; readonly id: bigint }
  | { readonly kind: 'service'; readonly name: string };

/** Where something came from: carried from the request into every event, effect and log line that follows from it. */
export interface Cause {
  readonly requestId: string;
  readonly correlationId: string;
  /** The id of the event that caused it, where one did. */
  readonly causationId?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
}

export interface CallMeta extends Cause {
  readonly caller: Caller;
  readonly idempotencyKey?: string | undefined;
  /** `clock.monotonicMs()` after which the answer is of no use. */
  readonly deadlineMs?: number;
}

export interface Logger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
  /** A line whose exact text is documented: alone on a terminal, the `msg` of a JSON line with the facts elsewhere. */
  line(facts: object, text: string): void;
}

/** For everything outside a transaction: queries, `load`, effects, jobs. */
export interface Context<Config = unknown> {
  readonly config: Config;
  /** The service's own database. */
  readonly db: Queryable;
  readonly clock: Clock;
  readonly cursors: Cursors;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** A typed client of any service, local or remote. Refused while a transaction is open. */
  client<S extends DescService>(service: S): Client<S>;
}

/** What the handler of an RPC is given; `signal` is aborted when the caller has gone or its deadline has passed. */
export interface CallContext<Config = unknown> extends Context<Config> {
  /**
   * Runs a command of this service for many items, each with the idempotency key of its own `meta`; they share
   * transactions with single calls. An item that hits a bug is refused alone. @returns an outcome each, in order.
   */
  runMany<M extends DescMethodUnary>(
    command: Command<M>,
    items: readonly CommandItem<MessageShape<M['input']>>[],
  ): Promise<Settled<MessageShape<M['output']>>[]>;
}

/** For everything inside a transaction. All of it commits, or none. */
export interface Transaction<Config = unknown> extends Queryable {
  readonly config: Config;
  /** The domain time of this transaction. */
  readonly now: Date;
  readonly log: Logger;
  /**
   * Writes an event to the outbox. Lock the aggregate first: that is what makes order per key true.
   * Throws when the payload breaks the schema's rules or is larger than 768 KiB, failing the transaction.
   */
  publish<P extends DescMessage>(event: EventDeclaration<P>, payload: MessageInitShape<P>, cause: Cause): void;
  /** Records something to be done outside the database, performed after the commit, at least once. */
  intend<Intent>(effect: EffectDeclaration<Intent>, intent: Intent, options: IntendOptions): void;
  /** Runs once the COMMIT is acknowledged. It must not throw. */
  afterCommit(action: () => void): void;
}

export interface IntendOptions {
  readonly cause: Cause;
  /** Intents of one key are performed in order, one at a time. */
  readonly key: string;
  readonly notBefore?: Date;
}

/** An event as a consumer sees it. */
export interface Received<P extends DescMessage = DescMessage> {
  /** CloudEvents id; the same at every delivery and replay. */
  readonly id: string;
  readonly event: EventDeclaration<P>;
  readonly value: MessageShape<P>;
  readonly key: string;
  readonly producer: string;
  readonly topic: string;
  readonly part: number;
  readonly sequence: bigint;
  readonly occurredAt: Date;
  /** To hand on to what this message causes: its `causationId` is this message's id. */
  readonly cause: Cause;
  /** 1 at the first delivery; counted over restarts for parked messages. */
  readonly attempt: number;
}

export interface EffectDeclaration<Intent> {
  readonly kind: 'effect';
  /** Stable: stored with every intent. `delivery.send-email` */
  readonly name: string;
  // Never read: it ties the type of the intent to the declaration.
  readonly intent?: Intent;
}
