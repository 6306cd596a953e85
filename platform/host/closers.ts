// What a process has to close, in the reverse of the order in which it came to be, each part within its share of the
// time. A part that is late or fails keeps no other from closing.
import type { Logger } from '../service/index.ts';
import type { StopBudget } from './stop-budget.ts';

/** By when each part of a stop is done or left behind, as shares of the whole time. */
export const STOP_SHARES = { requests: 0.25, work: 0.6, cutWork: 0.65, calls: 0.75, log: 0.85, end: 1 };

export interface Closer {
  /** For the log: `databases`. */
  readonly what: string;
  readonly share: number;
  close(budget: StopBudget): Promise<unknown>;
}

/** @returns whether it closed in its time. It never throws. */
export async function closeWithin({ what, share, close }: Closer, budget: StopBudget, log: Logger): Promise<boolean> {
  try {
    const closed = await budget.within(share, close(budget));
    if (!closed) log.warn({ what }, 'The time to stop in was over before this had ended: it is left behind.');
    return closed;
  } catch (error) {
    log.error({ what, error }, 'This could not be closed.');
    return false;
  }
}

export async function closeInReverse(closers: readonly Closer[], budget: StopBudget, log: Logger): Promise<void> {
  for (const closer of closers.toReversed()) await closeWithin(closer, budget, log);
}
