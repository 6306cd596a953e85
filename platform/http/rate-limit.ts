// A token bucket per caller, in this process. The header fields are those of the IETF's draft on rate limits
// (`RateLimit-Policy`, `RateLimit`), which name the quota of a window and what is left of it.
export interface RateLimit {
  /** Sustained requests a second. */
  readonly rps: number;
  /** Requests at once, after a pause. */
  readonly burst: number;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** Whole seconds until a request is allowed again; 0 when one is. */
  readonly retryAfterSeconds: number;
  readonly remaining: number;
  /** Seconds until the bucket is full. */
  readonly resetSeconds: number;
}

export interface RateLimiter {
  readonly policy: string;
  take(caller: string): RateDecision;
  /** Callers that are remembered. */
  readonly size: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Beyond it the longest-silent callers are forgotten: their buckets are the fullest. */
const MAX_CALLERS = 20_000;

export function createRateLimiter(limit: RateLimit, monotonicMs: () => number, maxCallers = MAX_CALLERS): RateLimiter {
  const buckets = new Map<string, Bucket>();
  const windowSeconds = Math.max(1, Math.ceil(limit.burst / limit.rps));
  return {
    policy: `"default";q=${limit.burst};w=${windowSeconds}`,
    get size() {
      return buckets.size;
    },
    take(caller) {
      const nowMs = monotonicMs();
      const bucket = buckets.get(caller) ?? { tokens: limit.burst, atMs: nowMs };
      bucket.tokens = Math.min(limit.burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * limit.rps);
      bucket.atMs = nowMs;
      const allowed = bucket.tokens >= 1;
      if (allowed) bucket.tokens -= 1;
      // Last in the map is whoever called last.
      buckets.delete(caller);
      buckets.set(caller, bucket);
      if (buckets.size > maxCallers) buckets.delete(buckets.keys().next().value as string);
      return {
        allowed,
        retryAfterSeconds: allowed ? 0 : Math.max(1, Math.ceil((1 - bucket.tokens) / limit.rps)),
        remaining: Math.floor(bucket.tokens),
        resetSeconds: Math.ceil((limit.burst - bucket.tokens) / limit.rps),
      };
    },
  };
}

export function rateLimitHeaders(limiter: RateLimiter, decision: RateDecision): Record<string, string> {
  return {
    'ratelimit-policy': limiter.policy,
    ratelimit: `"default";r=${decision.remaining};t=${decision.resetSeconds}`,
  };
}

/** 127.0.0.0/8 and ::1, also as an IPv6 address that holds one of IPv4. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.|^::1$/.test(address);
}
