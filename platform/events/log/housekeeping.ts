// What the leader does now and then beside its passes: old events and old checkpoints go. It never makes a pass wait.
import type { Database } from '../../db/index.ts';
import type { Logger } from '../../service/index.ts';
import type { Clock } from '../../time/index.ts';
import { applyRetention, pruneCheckpoints, type RetentionLimits } from './retention.ts';

const EVERY_MS = 60_000;
const CANCEL_EVERY_MS = 100;

export interface HousekeepingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly retention?: RetentionLimits;
}

export interface Housekeeping {
  /** Starts a round when the last one is long enough ago. Never throws. */
  startWhenDue(): void;
  /** Ends the round under way: a removal that waits for a writer is cancelled, and taken up again another time. */
  close(): Promise<void>;
}

export function createHousekeeping({ database, clock, log, retention }: HousekeepingOptions): Housekeeping {
  let startedAtMs = clock.monotonicMs();
  let running: Promise<void> | undefined;
  const closing = new AbortController();

  const runRound = async (): Promise<void> => {
    try {
      await pruneCheckpoints(database);
      await applyRetention({ database, clock, log, ...retention, signal: closing.signal });
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
    async close() {
      closing.abort();
      while (running !== undefined) {
        await Promise.race([running, new Promise((resolve) => setTimeout(resolve, CANCEL_EVERY_MS))]);
        if (running !== undefined) await cancelRemovals(database).catch(() => {});
      }
    },
  };
}

/** Whoever's they are: a removal of another process of this database is taken up again just so. */
async function cancelRemovals(database: Database): Promise<void> {
  await database.query(`
    select pg_cancel_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
      and (query like 'alter table tradepost.% detach partition tradepost.%'
        or query like 'drop table if exists tradepost.%')`);
}
