// How long to wait before an attempt: exponential, with jitter that only lengthens, so that a stated delay is kept.

export interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** Share of the delay that jitter may add: 0.2 is up to a fifth. */
  readonly jitter: number;
}

export const PARKED_BACKOFF: Backoff = { firstMs: 1_000, factor: 3, maxMs: 15 * 60_000, jitter: 0.2 };
export const TROUBLE_BACKOFF: Backoff = { firstMs: 20, factor: 2, maxMs: 5_000, jitter: 0.5 };
export const OUTAGE_BACKOFF: Backoff = { firstMs: 250, factor: 2, maxMs: 15_000, jitter: 0.2 };

/** @param failures failed attempts so far, from 1. @param random in [0, 1). @returns milliseconds. */
export function delayAfter(backoff: Backoff, failures: number, random: number = Math.random()): number {
  const exponent = Math.min(Math.max(failures - 1, 0), 64);
  const delay = Math.min(backoff.firstMs * backoff.factor ** exponent, backoff.maxMs);
  return Math.round(delay * (1 + backoff.jitter * random));
}
