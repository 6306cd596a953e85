// The time that a stop may take, shared out: every part has until some share of it has gone by, and what is not done
// by then is left behind, so that one slow part never keeps the others from ending in order.

export interface StopBudget {
  /** Milliseconds from now until that share of the whole has gone by; 0 when it has. */
  restMs(share: number): number;
  /** @returns whether it was done before that share of the whole had gone by. @throws what it throws until then. */
  within(share: number, work: Promise<unknown>): Promise<boolean>;
}

/** The time runs from now on. @param monotonicMs milliseconds that only rise. */
export function createStopBudget(totalMs: number, monotonicMs = (): number => performance.now()): StopBudget {
  const startedMs = monotonicMs();
  const restMs = (share: number): number => Math.max(0, startedMs + totalMs * share - monotonicMs());
  return {
    restMs,
    async within(share, work) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), restMs(share));
      });
      try {
        return await Promise.race([work.then(() => true), late]);
      } finally {
        clearTimeout(timer);
        // What is left behind may still fail, and nobody is there to hear it.
        work.catch(() => {});
      }
    },
  };
}
