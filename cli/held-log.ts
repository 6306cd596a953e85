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

/** A pipe that nobody empties takes no more for a moment (EAGAIN): the line is left out, no call fails for it. */
function writeLine(line: string): void {
  try {
    writeSync(1, line);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EAGAIN') throw error;
  }
}

export function createHeldLog(hold: boolean, write = writeLine): HeldLog {
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
