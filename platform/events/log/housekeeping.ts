// What the leader does now and then beside its passes: old events and old checkpoints go. It never makes a pass wait.
import type { Database } from '../../db/index.ts';
import type { Logger } from '../../service/index.ts';
import type { Clock } from '../../time/index.ts';
import { applyRetention, pruneCheckpoints, type RetentionLimits } from './retention.ts';

const EVERY_MS = 60_000;

export interface HousekeepingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly retention?: RetentionLimits;
}

export interface Housekeeping {
  /** Starts a round when the last one is long enough ago. Never throws. */
  startWhenDue(): void;
  /** Resolves when no round is under way. */
  done(): Promise<void>;
}

export function createHousekeeping({ database, clock, log, retention }: HousekeepingOptions): Housekeeping {
  let startedAtMs = clock.monotonicMs();
  let running: Promise<void> | undefined;

  const runRound = async (): Promise<void> => {
    try {
      await pruneCheckpoints(database);
      await applyRetention({ database, clock, log, ...retention });
    } catch (error) {
      log.warn({ error }, 'Old events could not be removed; trying again later.');
    } finally {
      running = undefined;
    }
  };

  return {
    startWhenDue() {
      if (running !== undefined || clock.monotonicMs() - startedAtMs < EVERY_MS) return;
      startedAtMs = clock.monotonicMs();
      running = runRound();
    },
    async done() {
      await running;
    },
  };
}
