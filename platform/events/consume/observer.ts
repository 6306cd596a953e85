// What consumers tell whoever counts them, and what they answer when asked.

export interface ConsumerIdentity {
  readonly consumer: string;
  readonly producer: string;
}

export interface BatchFacts extends ConsumerIdentity {
  /** Messages that `apply` took. */
  readonly applied: number;
  /** Records of other types, which only move the cursor. */
  readonly passed: number;
  readonly durationMs: number;
}

export interface FailureFacts extends ConsumerIdentity {
  readonly type: string;
  readonly fingerprint: string;
  readonly outcome: 'waiting' | 'dead';
}

/** Every method is optional; none may throw. */
export interface ConsumerObserver {
  batch?(facts: BatchFacts): void;
  duplicates?(facts: ConsumerIdentity & { readonly count: number }): void;
  gap?(facts: ConsumerIdentity & { readonly topic: string; readonly part: number }): void;
  failed?(facts: FailureFacts): void;
  outage?(facts: ConsumerIdentity & { readonly reason: string; readonly began: boolean }): void;
}

export interface RunnerStatus {
  readonly producer: string;
  /** `standby`: another process owns it. `paused`: an outage. `stopped`: it needs a person, or it was closed. */
  readonly state: 'standby' | 'running' | 'paused' | 'stopped';
  /** Why it is not running; empty when it is. */
  readonly reason: string;
  readonly epoch: bigint | undefined;
  readonly applied: bigint;
  /** Delivered again and not applied again. */
  readonly duplicates: bigint;
  /** Times that a sequence was missing, and waited for. */
  readonly gaps: bigint;
  readonly waiting: number;
  readonly held: number;
  readonly dead: number;
}

export interface ConsumerStatus {
  readonly name: string;
  readonly runners: readonly RunnerStatus[];
}
