// Whether a request is let in at all: not when too much is under way, nor when its caller sent too many.
import type { Clock } from '../time/index.ts';
import { type Credentials, keyMatches } from './authorize.ts';
import type { Exchange } from './exchange.ts';
import { refuseHttp } from './http-refusals.ts';
import { createRateLimiter, isLoopback, type RateLimit, type RateLimiter, rateLimitHeaders } from './rate-limit.ts';

export interface AdmissionOptions {
  readonly maxInFlight: number;
  readonly rate: RateLimit | undefined;
  /** Whether the rate holds for loopback too. */
  readonly rateOnLoopback: boolean;
  readonly apiKey: string | undefined;
  readonly clock: Clock;
  readonly inFlight: () => number;
}

/** Throws a `Refusal` when too much is under way or its caller sent too many. */
export type Admit = (exchange: Exchange, credentials: Credentials) => void;

export function createAdmission(options: AdmissionOptions): Admit {
  const { rate, apiKey: expected } = options;
  const limiter: RateLimiter | undefined =
    rate === undefined || rate.rps <= 0 ? undefined : createRateLimiter(rate, () => options.clock.monotonicMs());
  return (exchange, { apiKey }) => {
    if (options.inFlight() > options.maxInFlight) throw refuseHttp('overloaded', {}, { retryAfterSeconds: 1 });
    if (limiter === undefined) return;
    const address = exchange.raw.socket.remoteAddress;
    if (isLoopback(address) && !options.rateOnLoopback) return;
    // Only a key that holds makes a caller: made-up ones would each bring a fresh quota.
    const isKeyed = expected !== undefined && apiKey !== undefined && keyMatches(expected, apiKey);
    const decision = limiter.take(isKeyed ? 'api-key' : (address ?? 'unknown'));
    exchange.extraHeaders = rateLimitHeaders(limiter, decision);
    if (decision.allowed) return;
    const seconds = decision.retryAfterSeconds;
    throw refuseHttp('rate_limited', { seconds }, { retryAfterSeconds: seconds });
  };
}
