// What the workload asked for and what it was told: the checker holds the system's rows against it.

export interface Asked {
  readonly key: string;
  readonly userId: number;
  /** Unique per person, so that it names the request. */
  readonly newScore: number;
  readonly change: number;
  /** `ok` with the event's id, `refused`, or `unknown` when no answer came. */
  outcome: 'ok' | 'refused' | 'unknown';
  eventId?: number;
  /** Answers that came for the same key: all must be the same. */
  readonly eventIds: Set<number>;
}

export interface Ledger {
  readonly asked: Map<string, Asked>;
  /** Requests sent, repeats among them. */
  sent: number;
}

export function createLedger(): Ledger {
  return { asked: new Map(), sent: 0 };
}

/** The request's identity in the system's own rows. */
export function identityOf(userId: number | bigint, newScore: number): string {
  return `${userId}/${newScore}`;
}
