// Opens a port. A default that is busy moves on to the next free one; a port set by hand is never moved.
import type { PortSetting } from '../config/index.ts';

const TRIES = 50;

export interface OpenPort {
  readonly port: number;
  /** The port that was wanted, when it was busy. */
  readonly movedFrom: number | undefined;
}

/** @param listen opens one port and @returns it. @throws with what to do when a port set by hand is busy. */
export async function openPort(
  { port: wanted, fixed }: PortSetting,
  purpose: string,
  listen: (port: number) => Promise<number>,
): Promise<OpenPort> {
  for (let port = wanted; ; port += 1) {
    try {
      const opened = await listen(port);
      return { port: opened, movedFrom: port === wanted ? undefined : wanted };
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (fixed) {
        const reason = `port ${wanted} for ${purpose} is in use by another process`;
        throw new Error(`${reason}: stop that one, or choose another port`, { cause: error });
      }
      if (port - wanted >= TRIES || port >= 65_535) {
        throw new Error(`no port from ${wanted} to ${port} is free for ${purpose}`, { cause: error });
      }
    }
  }
}

function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    /EADDRINUSE|address already in use/i.test(`${(error as { code?: string }).code} ${error.message}`)
  );
}
