// A clock that tests move. Domain time stands where it was put and goes on only by `advance`, or with real time when it
// is told to run; what must not depend on it (leases, latencies) keeps the machine's own monotonic clock.
import { type Clock, LONGEST_TIMER_MS, systemClock } from './clock.ts';

export interface TestClock extends Clock {
  advance(ms: number): void;
  /** Puts domain time somewhere else, backwards too: a clock step. */
  set(now: Date): void;
}

/** @param start domain time at first; it runs from there with real time. */
export function createTestClock(start: Date = new Date()): TestClock {
  let offsetMs = start.getTime() - Date.now();
  const sleepers = new Set<() => void>();
  const wakeAll = (): void => {
    for (const wake of sleepers) wake();
  };
  const clock: TestClock = {
    now: () => new Date(Date.now() + offsetMs),
    monotonicMs: systemClock.monotonicMs,
    async sleep(ms, signal) {
      const until = clock.now().getTime() + ms;
      while (clock.now().getTime() < until && signal?.aborted !== true) {
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            clearTimeout(timer);
            sleepers.delete(wake);
            signal?.removeEventListener('abort', wake);
            resolve();
          };
          const timer = setTimeout(wake, Math.min(Math.max(0, until - clock.now().getTime()), LONGEST_TIMER_MS));
          sleepers.add(wake);
          signal?.addEventListener('abort', wake, { once: true });
        });
      }
    },
    advance(ms) {
      offsetMs += ms;
      wakeAll();
    },
    set(now) {
      offsetMs = now.getTime() - Date.now();
      wakeAll();
    },
  };
  return clock;
}
