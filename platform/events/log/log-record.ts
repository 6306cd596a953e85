// What a log hands out, and how a reader says where it is. These forms are the same for a local log, a remote one and
// a broker that mirrors it.

/** One event as the log of its producer holds it. */
export interface LogRecord {
  /** CloudEvents id, a UUID; the same at every delivery. */
  readonly id: string;
  readonly producer: string;
  /** CloudEvents type: `tradepost.user.v1.UserCreated`. */
  readonly type: string;
  readonly topic: string;
  readonly part: number;
  /** From 1, without gaps per (producer, topic, part) within an incarnation. */
  readonly sequence: bigint;
  /** The log's present incarnation; a cursor keeps it beside the sequence. */
  readonly incarnation: string;
  readonly key: string;
  readonly occurredAt: Date;
  readonly requestId: string;
  readonly correlationId: string;
  /** Id of the event that caused this one. */
  readonly causationId?: string;
  /** W3C trace context of the moment at which it was published. */
  readonly traceparent?: string;
  /** Where a foreign record was taken in from. */
  readonly origin?: string;
  /** JSON, the exact bytes that were published. */
  readonly value: Uint8Array;
}

/** Behind which record of a (topic, part) to read on. */
export interface Position {
  readonly topic: string;
  readonly part: number;
  /** The incarnation that `after` belongs to. One that has ended is led back to where the present one begins. */
  readonly incarnation?: string;
  /** The last sequence that was taken; 0 for none. */
  readonly after: bigint;
}

export interface PartHead {
  readonly topic: string;
  readonly part: number;
  /** The last sequence; 0 while nothing was logged. */
  readonly head: bigint;
  /** The first sequence that can still be read; `head + 1` when there is none. */
  readonly firstRetained: bigint;
}

/** Retention has removed what comes next: whoever reads must stop and report, and never skip. */
export class OutOfRange extends Error {
  override readonly name = 'OutOfRange';
  readonly topic: string;
  readonly part: number;
  readonly firstRetained: bigint;

  constructor(producer: string, topic: string, part: number, firstRetained: bigint) {
    super(`The log of ${producer} holds ${topic}/${part} only from ${firstRetained} on.`);
    this.topic = topic;
    this.part = part;
    this.firstRetained = firstRetained;
  }
}

/** A sequence is missing in the middle of a log: this must not happen, and nothing may be read past it. */
export class LogHoleError extends Error {
  override readonly name = 'LogHoleError';
}
