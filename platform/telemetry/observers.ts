// What the metrics are told, and what they ask at a scrape: plain facts, so that no part imports the metrics' library.
// Calls and databases have their observers where they are observed, in `rpc` and `db`.
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
    /** It needs a person. */
    readonly stopped?: boolean;
  }[];
  readonly effects?: readonly {
    readonly effect: string;
    readonly pending: bigint | number;
    readonly failed: bigint | number;
  }[];
}

/** A sequencer as it is at the moment. */
export interface SequencerSource {
  readonly service: string;
  status(): { readonly state: string; readonly passes: number; readonly logged: number };
}

/** Asked at every scrape, with two seconds to answer. */
export interface PipelineSource {
  readonly service: string;
  read(): Promise<PipelineStats> | PipelineStats;
}
