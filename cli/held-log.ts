// The log while a start is under way. On a terminal lines wait, so that they do not cut through what `start` shows; the
// last ten are at hand when a step fails.
import { writeSync } from 'node:fs';

export interface HeldLog {
  /** A destination for the logger. */
  readonly destination: { write(line: string): void };
  /** From now on lines go out as they come; what was held is forgotten. */
  release(): void;
  lastLines(): readonly string[];
}

const KEPT = 10;

export function createHeldLog(hold: boolean, write = (line: string): void => void writeSync(1, line)): HeldLog {
  let holding = hold;
  const last: string[] = [];
  return {
    destination: {
      write(line) {
        if (!holding) write(line);
        last.push(line);
        if (last.length > KEPT) last.shift();
      },
    },
    release() {
      holding = false;
    },
    lastLines: () => [...last],
  };
}
