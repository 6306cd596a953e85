// Lets a few go at once, in the order in which they came: whoever waits spends none of the time that a turn may take.

export interface Turns {
  /** @returns whether it got a turn, which it must give back; false when the signal was aborted first. */
  take(signal: AbortSignal): Promise<boolean>;
  giveBack(): void;
}

export function createTurns(count: number): Turns {
  const waiting = new Set<() => void>();
  let free = count;
  return {
    take(signal) {
      if (signal.aborted) return Promise.resolve(false);
      if (free > 0) {
        free -= 1;
        return Promise.resolve(true);
      }
      return new Promise((resolve) => {
        const go = (): void => {
          signal.removeEventListener('abort', leave);
          resolve(true);
        };
        const leave = (): void => {
          waiting.delete(go);
          resolve(false);
        };
        waiting.add(go);
        signal.addEventListener('abort', leave, { once: true });
      });
    },
    giveBack() {
      const [next] = waiting;
      if (next === undefined) {
        free += 1;
        return;
      }
      waiting.delete(next);
      next();
    },
  };
}
