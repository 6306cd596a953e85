// How the sequencer waits: for a poke, or until it is time to look by itself. Real time: a test that stops the domain
// clock must not stop the pipeline.

export interface WakeablePause {
  /** Ends the present wait, or the next one when none is under way. */
  wake(): void;
  /** @returns whether it was woken before its time. */
  wait(longestMs: number): Promise<boolean>;
}

export function createWakeablePause(): WakeablePause {
  let woken = false;
  let resume: (() => void) | undefined;
  return {
    wake() {
      woken = true;
      resume?.();
    },
    async wait(longestMs) {
      if (!woken) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, longestMs);
          resume = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        resume = undefined;
      }
      const early = woken;
      woken = false;
      return early;
    },
  };
}

/** Up to a quarter more or less, so that many processes do not look in step. */
export function withJitter(ms: number): number {
  return ms * (0.75 + Math.random() / 2);
}
