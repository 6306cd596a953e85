// What a new owner may perform of that which a former owner has begun and not recorded. It is performed again at once
// when the former owner's process is known to have ended, and otherwise only when its attempts must have ended.
import type { Database } from '../db/index.ts';
import type { Clock } from '../time/index.ts';
import { readBeginners } from './effect-store.ts';
import { hasEnded } from './process-identity.ts';

export interface TakeoverOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly effect: string;
  /** Name of this runner, as it stands in `begun_by`. */
  readonly runner: string;
  /** Time after which whatever a former owner has begun must have ended. */
  readonly waitMs: number;
}

export interface Takeover {
  /** @returns whose begun intents may be performed under this epoch; null means anybody's. */
  passable(epoch: bigint): Promise<readonly string[] | null>;
}

export function createTakeover({ database, clock, effect, runner, waitMs }: TakeoverOptions): Takeover {
  let current: { epoch: bigint; sinceMs: number; ended: readonly string[] } | undefined;
  return {
    async passable(epoch) {
      if (current?.epoch !== epoch) {
        const sinceMs = clock.monotonicMs();
        const beginners = await readBeginners(database, effect);
        // A runner's name is its process's and its own number.
        const ended = beginners.filter((name) => hasEnded(name.slice(0, name.lastIndexOf('|'))));
        current = { epoch, sinceMs, ended };
      }
      return clock.monotonicMs() - current.sinceMs >= waitMs ? null : [runner, ...current.ended];
    },
  };
}
