// Ctrl-C: the first ends in good order within the time given, the second at once.
import { EXIT } from './failure.ts';

export interface Stop {
  /** Resolves at the first signal. */
  readonly asked: Promise<void>;
  /** Everything has ended in order: the process goes. */
  done(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Kept back of the time given, for the process's own end. */
const RESERVE_MS = 300;

/** @param withinMs time for the good order; what is still open then is cut. */
export function stopOnSignals(withinMs: number, onAsked: () => void): Stop {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const listener = (): void => {
    // `exit` handlers still run: they let go of the embedded server.
    if (asked) process.exit(EXIT.interrupted);
    asked = true;
    onAsked();
    setTimeout(() => process.exit(EXIT.failed), Math.max(0, withinMs - RESERVE_MS)).unref();
    resolve();
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return {
    asked: promise,
    done() {
      for (const signal of SIGNALS) process.off(signal, listener);
      process.exit(EXIT.ok);
    },
  };
}
