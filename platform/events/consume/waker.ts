// How a loop waits: until it is woken, until real time has passed, or until the domain clock reaches a moment.
import type { Clock } from '../../time/index.ts';

const LONGEST_SLEEP_MS = 24 * 3_600_000;

export interface Waker {
  /** Ends the present wait, or the next one when none is under way. */
  wake(): void;
  /**
   * @param pollMs real time after which to look again.
   * @param dueAt domain time at which something is due.
   */
  wait(pollMs: number, dueAt?: Date): Promise<void>;
}

export function createWaker(clock: Clock): Waker {
  let woken = false;
  let resume: (() => void) | undefined;
  return {
    wake() {
      woken = true;
      resume?.();
    },
    async wait(pollMs, dueAt) {
      if (!woken) {
        const ended = new AbortController();
        await new Promise<void>((resolve) => {
          resume = resolve;
          // Not the domain clock: a test that stops it must not stop polling.
          const timer = setTimeout(resolve, pollMs);
          ended.signal.addEventListener('abort', () => clearTimeout(timer));
          if (dueAt === undefined) return;
          const dueMs = dueAt.getTime() - clock.now().getTime();
          clock.sleep(Math.min(Math.max(dueMs, 0), LONGEST_SLEEP_MS), ended.signal).then(resolve, resolve);
        });
        resume = undefined;
        ended.abort();
      }
      woken = false;
    },
  };
}
