// What the parts of the platform tell the metrics: plain facts, called on hot paths, never throwing. Each part may
// declare the same shape for itself; these are here so that none has to import the metrics' library.
import type { StatusName } from '../errors/index.ts';

export interface RpcCallFacts {
  readonly side: 'server' | 'client';
  /** Full name: `tradepost.user.v1.UserService`. */
  readonly service: string;
  /** As in the proto: `CreateUser`. */
  readonly method: string;
  readonly type: 'unary' | 'client_stream' | 'server_stream' | 'bidi_stream';
}

export interface RpcObserver {
  started(call: RpcCallFacts): void;
  ended(call: RpcCallFacts, outcome: { readonly status: 'OK' | StatusName; readonly durationMs: number }): void;
}

export interface HttpRequestFacts {
  readonly method: string;
  /** The route's template, `/api/v1/users/{id}`; `(unknown)` where no route matched. Never a path with an id. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

export interface HttpObserver {
  handled(request: HttpRequestFacts): void;
}

export interface DatabaseObserver {
  queried(facts: { service: string; sql: string; durationMs: number; failed: boolean }): void;
  acquired(facts: { service: string; waitMs: number; failed: boolean }): void;
  transacted(facts: {
    service: string;
    durationMs: number;
    attempts: number;
    outcome: 'committed' | 'rolled back' | 'unknown';
  }): void;
}

/** A pool as it is at the moment; any `Database` is one. */
export interface PoolSource {
  readonly service: string;
  stats(): { readonly total: number; readonly idle: number; readonly waiting: number; readonly max: number };
}

export interface PipelineStats {
  /** Seconds since the oldest event was committed that has no sequence yet; 0 when there is none. */
  readonly outboxAgeSeconds?: number;
  readonly logHeads?: readonly { readonly topic: string; readonly part: number; readonly head: bigint }[];
  readonly consumers?: readonly {
    readonly consumer: string;
    readonly producer: string;
    readonly lag: bigint | number;
    readonly waiting: bigint | number;
    readonly held: bigint | number;
    readonly dead: bigint | number;
    readonly paused: boolean;
  }[];
  readonly effects?: readonly {
    readonly effect: string;
    readonly pending: bigint | number;
    readonly failed: bigint | number;
  }[];
}

/** Asked at every scrape, with two seconds to answer. */
export interface PipelineSource {
  readonly service: string;
  read(): Promise<PipelineStats> | PipelineStats;
}
