// Takes messages one at a time after the process died on them, each named while it is under way.
import { applyBatch, attemptRange } from './apply-batch.ts';
import { describeFailure } from './fingerprint.ts';
import type { Step } from './plan-batch.ts';
import { markInflight, ProcessDeathError } from './process-deaths.ts';
import type { RunnerState } from './runner-state.ts';
import type { RunnerWork } from './runner-work.ts';

/** @throws as `applyBatch` does. */
export async function applyIsolated(work: RunnerWork, state: RunnerState, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (step.kind !== 'apply') {
      await attemptRange(work, state, [step], undefined);
    } else if (step.record.id === state.suspicion.condemned) {
      const failure = describeFailure(new ProcessDeathError());
      await attemptRange(work, state, [{ kind: 'bury', record: step.record, failure }], undefined);
      state.suspicion.condemned = undefined;
    } else {
      await markInflight(work.database, work.identity, state.epoch, step.record.id);
      await applyBatch(work, state, [step]);
    }
  }
  await markInflight(work.database, work.identity, state.epoch, undefined);
}
