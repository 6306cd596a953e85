// Finds out whether an outage is over with one message. When it still fails but another key's message would pass, the
// fault was the first one's own after all: it is parked, and the rest flows on.
import type { LogRecord } from '../log/index.ts';
import { type ApplyStep, attemptRange, parkCulprit, planRecords } from './apply-batch.ts';
import { describeFailure } from './fingerprint.ts';
import { retryParked } from './retry-parked.ts';
import type { RunnerState } from './runner-state.ts';
import { applyTo, isMessageFault, loadFor, OutageError, type RunnerWork } from './runner-work.ts';

class DryRunEnd extends Error {
  override readonly name = 'DryRunEnd';
}

/** @param records what comes next. @throws OutageError while it lasts. */
export async function probeOutage(work: RunnerWork, state: RunnerState, records: readonly LogRecord[]): Promise<void> {
  const { steps } = planRecords(work, state, records);
  const at = steps.findIndex(({ kind }) => kind === 'apply');
  const first = steps[at] as ApplyStep | undefined;
  if (first === undefined) {
    await retryParked(work, state, { limit: 1, probing: true });
    return;
  }
  const loaded = await loadFor(work, [first.message]);
  try {
    await attemptRange(work, state, steps.slice(0, at + 1), loaded);
  } catch (error) {
    if (!isMessageFault(error)) throw error;
    const other = steps.find((step) => step.kind === 'apply' && step.record.key !== first.record.key);
    if (other === undefined || !(await wouldPass(work, other as ApplyStep))) {
      throw new OutageError(`It still fails: ${describeFailure(error).error}`, { cause: error });
    }
    if (at > 0) await attemptRange(work, state, steps.slice(0, at), undefined);
    await parkCulprit(work, state, first, error);
  }
}

/** Applies a message and takes it back. */
async function wouldPass(work: RunnerWork, step: ApplyStep): Promise<boolean> {
  const loaded = await loadFor(work, [step.message]);
  try {
    await work.transactions.run(async (tx) => {
      await applyTo(work, [step.message], tx, loaded);
      throw new DryRunEnd('taken back');
    });
  } catch (error) {
    if (error instanceof DryRunEnd) return true;
    if (!isMessageFault(error)) throw error;
  }
  return false;
}
