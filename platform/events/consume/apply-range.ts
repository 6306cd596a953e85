// Finds the message at fault: a range that fails is halved until one message is left. What succeeds on the way is
// committed, with the cursor behind it, so nothing is run twice for a neighbour's sake.
import type { Step } from './plan-batch.ts';

export interface RangeHooks {
  /** Looks again at what was planned: a key may have been blocked since. */
  readonly revise: (step: Step) => Step;
  /** Applies all of it in one transaction. */
  readonly attempt: (steps: readonly Step[]) => Promise<void>;
  /** Whether an error is a message's fault; any other ends the work. */
  readonly isMessageFault: (error: unknown) => boolean;
  /** Takes the one message that fails out of the way. */
  readonly setAside: (step: Step & { kind: 'apply' }, error: unknown) => Promise<void>;
}

/** @throws what is not a message's fault, and what `setAside` throws. */
export async function applyRange(steps: readonly Step[], hooks: RangeHooks): Promise<void> {
  const ranges: (readonly Step[])[] = [steps];
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const revised = range.map(hooks.revise);
    try {
      await hooks.attempt(revised);
    } catch (error) {
      if (!hooks.isMessageFault(error) || !revised.some(({ kind }) => kind === 'apply')) throw error;
      const last = revised[0];
      if (revised.length === 1 && last?.kind === 'apply') {
        await hooks.setAside(last, error);
      } else {
        const [left, right] = halve(revised);
        if (right.length > 0) ranges.push(right);
        ranges.push(left);
      }
    }
  }
}

/** Halves by the messages that are applied, so that a range of one message is reached in the fewest steps. */
export function halve(steps: readonly Step[]): [readonly Step[], readonly Step[]] {
  const applied = steps.flatMap((step, index) => (step.kind === 'apply' ? [index] : []));
  // One message with others around it that cannot fail: they go first, then it alone, then the rest.
  const only = applied[0];
  if (applied.length === 1 && only !== undefined) {
    const at = only === 0 ? 1 : only;
    return [steps.slice(0, at), steps.slice(at)];
  }
  const middle = applied[Math.ceil(applied.length / 2)] ?? Math.ceil(steps.length / 2);
  return [steps.slice(0, middle), steps.slice(middle)];
}
