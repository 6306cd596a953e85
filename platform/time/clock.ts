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

/** The longest time of a timer of Node; a longer one would end at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

async function sleepReal(ms: number, signal?: AbortSignal): Promise<void> {
  for (let left = ms; !signal?.aborted; left -= LONGEST_TIMER_MS) {
    await timer(Math.min(left, LONGEST_TIMER_MS), signal);
    if (left <= LONGEST_TIMER_MS) return;
  }
}

function timer(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timeout);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timeout = setTimeout(finish, ms);
    signal?.addEventListener('abort', finish, { once: true });
  });
}
