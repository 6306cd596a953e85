// Runs a service's jobs in the process that owns its work: at once when it gains it, then at every interval of the
// domain clock. A run that fails is logged, and made up for at the next interval.
import type { Ownership, Transactions } from '../events/index.ts';
import type { Context, Job, Logger } from '../service/index.ts';
import type { Clock } from '../time/index.ts';

export interface JobsOptions {
  readonly jobs: readonly Job[];
  readonly context: Context;
  readonly transactions: Transactions;
  readonly ownership: Ownership;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface RunningJobs {
  /** Waits for the runs under way. */
  close(): Promise<void>;
}

export function startJobs(options: JobsOptions): RunningJobs {
  const { jobs, context, transactions, ownership, clock, log } = options;
  const stop = new AbortController();

  const runOnce = async (job: Job): Promise<void> => {
    try {
      await job.run(context, (body) => transactions.run(body));
    } catch (error) {
      log.error({ job: job.name, error }, 'The job failed; it runs again at its next interval.');
    }
  };
  const repeat = async (job: Job): Promise<void> => {
    while (!stop.signal.aborted) {
      if (ownership.epoch() === undefined) {
        await ownershipChanged(ownership, stop.signal);
        continue;
      }
      await runOnce(job);
      await clock.sleep(job.everyMs, stop.signal);
    }
  };
  const running = jobs.map(repeat);

  return {
    async close() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

function ownershipChanged(ownership: Ownership, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      unsubscribe();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const unsubscribe = ownership.onChange(finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}
