// Domain time. Business code asks this clock and nothing else, so that tests can move it; leases and latencies use
// `monotonicMs`, which no clock step reaches.

export interface Clock {
  now(): Date;
  /** Milliseconds that only rise; their origin means nothing. */
  monotonicMs(): number;
  /** Resolves after `ms` of this clock, or at once when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleepReal(ms, signal),
};

function sleepReal(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener('abort', finish, { once: true });
  });
}
