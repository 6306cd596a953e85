// The forms a feature takes: query, command, stream, reaction, effect, job. Each is a plain value; the runtime that
// runs it lives in `rpc`, `commands`, `events` and `effects`.
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
import type { EventDeclaration } from '@tradepost/contracts/declare-event';
import type { Refusal } from '../errors/index.ts';
import type { CallContext, CallMeta, Cause, Context, EffectDeclaration, Received, Transaction } from './context.ts';

type Input<M extends DescMethod> = MessageShape<M['input']>;
type Output<M extends DescMethod> = MessageInitShape<M['output']>;

// biome-ignore lint/suspicious/noExplicitAny: a table of features holds every configuration type.
export type AnyConfig = any;

/** Reads, writes nothing. */
export interface Query<M extends DescMethodUnary = DescMethodUnary, Config = AnyConfig> {
  readonly kind: 'query';
  readonly run: (request: Input<M>, context: CallContext<Config>, meta: CallMeta) => Promise<Output<M>>;
}

export interface CommandItem<Request> {
  readonly request: Request;
  readonly meta: CallMeta;
}

/** What became of one item of a batch: an answer, or a refusal that undoes nothing of its neighbours. */
export type Outcome<Answer> = { readonly ok: Answer } | { readonly refused: Refusal };

/** An outcome as the caller gets it; `replayed` when an earlier call with the same idempotency key decided it. */
export type Settled<Answer> = Outcome<Answer> & { readonly replayed: boolean };

/**
 * Writes. Calls that arrive together share one transaction, so a command takes items and returns an outcome for each,
 * in order. Items of one batch never carry the same idempotency key. A bug that `apply` throws fails the batch, which
 * is then run again item by item.
 */
export interface Command<M extends DescMethodUnary = DescMethodUnary, Loaded = AnyConfig, Config = AnyConfig> {
  readonly kind: 'command';
  readonly method: M;
  /** Largest batch. Default 200. */
  readonly maxBatch?: number;
  /** How long an answer is kept for its idempotency key. Default 24 h. */
  readonly keepAnswersMs?: number;
  /** Calls for which this is the same are applied in the order in which they came; others may overtake each other. */
  readonly orderBy?: (request: Input<M>) => unknown;
  /** Asks others, outside the transaction. `apply` may get fewer items: a repeated one is answered from its record. */
  readonly load?: (items: readonly CommandItem<Input<M>>[], context: Context<Config>) => Promise<Loaded>;
  readonly apply: (
    items: readonly CommandItem<Input<M>>[],
    tx: Transaction<Config>,
    loaded: Loaded,
  ) => Promise<Outcome<Output<M>>[]>;
}

export interface ServerStream<M extends DescMethodServerStreaming = DescMethodServerStreaming, Config = AnyConfig> {
  readonly kind: 'server-stream';
  readonly run: (request: Input<M>, context: CallContext<Config>, meta: CallMeta) => AsyncIterable<Output<M>>;
}

export interface ClientStream<M extends DescMethodClientStreaming = DescMethodClientStreaming, Config = AnyConfig> {
  readonly kind: 'client-stream';
  readonly run: (requests: AsyncIterable<Input<M>>, context: CallContext<Config>, meta: CallMeta) => Promise<Output<M>>;
}

export interface DuplexStream<M extends DescMethodBiDiStreaming = DescMethodBiDiStreaming, Config = AnyConfig> {
  readonly kind: 'duplex-stream';
  readonly run: (
    requests: AsyncIterable<Input<M>>,
    context: CallContext<Config>,
    meta: CallMeta,
  ) => AsyncIterable<Output<M>>;
}

export type Handler<M extends DescMethod = DescMethod> = M extends DescMethodUnary
  ? Query<M> | Command<M>
  : M extends DescMethodServerStreaming
    ? ServerStream<M>
    : M extends DescMethodClientStreaming
      ? ClientStream<M>
      : M extends DescMethodBiDiStreaming
        ? DuplexStream<M>
        : never;

export type AnyHandler = Query | Command | ServerStream | ClientStream | DuplexStream;

export interface Implementation {
  readonly service: DescService;
  /** By local name: `createUser`. */
  readonly handlers: Readonly<Record<string, AnyHandler>>;
}

/** Binds a handler to every method of a proto service; a missing one does not compile. */
export function implement<S extends DescService>(
  service: S,
  handlers: { readonly [Name in keyof S['method']]: Handler<S['method'][Name]> },
): Implementation {
  return { service, handlers: handlers as unknown as Record<string, AnyHandler> };
}

export function query<M extends DescMethodUnary, Config = AnyConfig>(
  _method: M,
  run: Query<M, Config>['run'],
): Query<M, Config> {
  return { kind: 'query', run };
}

export function command<M extends DescMethodUnary, Loaded = undefined, Config = AnyConfig>(
  method: M,
  command: Omit<Command<M, Loaded, Config>, 'kind' | 'method'>,
): Command<M, Loaded, Config> {
  return { kind: 'command', method, ...command };
}

export function serverStream<M extends DescMethodServerStreaming, Config = AnyConfig>(
  _method: M,
  run: ServerStream<M, Config>['run'],
): ServerStream<M, Config> {
  return { kind: 'server-stream', run };
}

export function clientStream<M extends DescMethodClientStreaming, Config = AnyConfig>(
  _method: M,
  run: ClientStream<M, Config>['run'],
): ClientStream<M, Config> {
  return { kind: 'client-stream', run };
}

export function duplexStream<M extends DescMethodBiDiStreaming, Config = AnyConfig>(
  _method: M,
  run: DuplexStream<M, Config>['run'],
): DuplexStream<M, Config> {
  return { kind: 'duplex-stream', run };
}

/** Any of the events' messages: narrow by `message.event`, or take the value's common shape. */
export type ReceivedOf<E extends EventDeclaration> = E extends EventDeclaration<infer P> ? Received<P> : never;

/**
 * Reacts to events: exactly once in effect, in order per key. `load` asks others outside the transaction (its failure
 * is an outage, never the message's fault); `apply` writes all of the batch in one transaction with the cursor.
 */
export interface Reaction<E extends EventDeclaration = EventDeclaration, Loaded = AnyConfig, Config = AnyConfig> {
  readonly kind: 'reaction';
  /** The consumer's name, stable for life: `notification.score-events`. */
  readonly name: string;
  readonly on: readonly E[];
  /** Largest batch. Default 200. */
  readonly maxBatch?: number;
  /** Whether later messages of a key wait behind one that failed. Default `hold`. */
  readonly onFailure?: 'hold' | 'release';
  /** Delayed attempts before a message is dead. Default 8. */
  readonly maxAttempts?: number;
  readonly load?: (messages: readonly ReceivedOf<E>[], context: Context<Config>) => Promise<Loaded>;
  readonly apply: (messages: readonly ReceivedOf<E>[], tx: Transaction<Config>, loaded: Loaded) => Promise<void>;
}

export function reaction<E extends EventDeclaration, Loaded = undefined, Config = AnyConfig>(
  reaction: Omit<Reaction<E, Loaded, Config>, 'kind'>,
): Reaction<E, Loaded, Config> {
  return { kind: 'reaction', ...reaction };
}

export interface PerformInfo {
  /** The provider's idempotency key: the same at every attempt. */
  readonly id: string;
  readonly key: string;
  /** 1 at the first. */
  readonly attempt: number;
  readonly cause: Cause;
  /** Aborted as soon as the process stops: what has not begun outside by then should not begin. */
  readonly stopping: AbortSignal;
}

/** `done` and `rejected` are final; `retry` is tried again; a throw counts as `retry` with the error as its detail. */
export type Performed<Result> =
  | { readonly outcome: 'done'; readonly result: Result }
  | { readonly outcome: 'rejected'; readonly detail: string }
  | { readonly outcome: 'retry'; readonly detail: string; readonly outage?: boolean };

/** An attempt that has ended. */
export interface Attempt<Intent = AnyConfig, Result = AnyConfig> {
  readonly intent: Intent;
  readonly info: PerformInfo;
  readonly performed: Performed<Result>;
  /** Whether none follows. */
  readonly final: boolean;
  readonly cause: Cause;
}

/** What happens outside the database: performed after the commit, at least once, each attempt recorded. */
export interface Effect<Intent = AnyConfig, Result = AnyConfig, Config = AnyConfig> extends EffectDeclaration<Intent> {
  /** How many are under way at once. Default 8. */
  readonly concurrency?: number;
  readonly timeoutMs?: number;
  /** Attempts before it is given up; an outage does not count. Default 12. */
  readonly maxAttempts?: number;
  readonly perform: (intent: Intent, info: PerformInfo, context: Context<Config>) => Promise<Performed<Result>>;
  /**
   * Records attempts that ended at the same time in one transaction with the effect's own state; their intents have
   * different keys.
   */
  readonly record: (attempts: readonly Attempt<Intent, Result>[], tx: Transaction<Config>) => Promise<void>;
}

export function effect<Intent, Result = undefined, Config = AnyConfig>(
  effect: Omit<Effect<Intent, Result, Config>, 'kind' | 'intent'>,
): Effect<Intent, Result, Config> {
  return { kind: 'effect', ...effect };
}

/** Runs on one instance of the service at a time. */
export interface Job<Config = AnyConfig> {
  readonly kind: 'job';
  readonly name: string;
  readonly everyMs: number;
  readonly run: (
    context: Context<Config>,
    transaction: <T>(body: (tx: Transaction<Config>) => Promise<T>) => Promise<T>,
  ) => Promise<void>;
}

export function job<Config = AnyConfig>(job: Omit<Job<Config>, 'kind'>): Job<Config> {
  return { kind: 'job', ...job };
}
