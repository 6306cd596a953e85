// Starts the effects of a service: one runner each, under the service's ownership.
import type { Database } from '../db/index.ts';
import type { Ownership, Transactions } from '../events/index.ts';
import type { Context, Effect, Logger } from '../service/index.ts';
import type { Clock } from '../time/index.ts';
import { createEffectRunner } from './effect-runner.ts';
import { countIntents, type IntentCounts } from './effect-store.ts';
import type { EffectObserver, EffectStatus } from './observer.ts';

export interface EffectsOptions {
  readonly effects: readonly Effect[];
  readonly database: Database;
  readonly transactions: Transactions;
  readonly context: Context;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whose lease the runners work under; it may be the one of the service's consumers. */
  readonly ownership: Ownership;
  readonly observer?: EffectObserver;
  /** How long an intent that is done is kept. Default 7 days. */
  readonly keepDoneMs?: number;
}

export interface Effects {
  /** Says that intents were committed. Cheap; never throws. */
  poke(): void;
  status(): readonly EffectStatus[];
  /** Asks the database, by effect: no intent due means that it is settled. */
  counts(): Promise<ReadonlyMap<string, IntentCounts>>;
  close(): Promise<void>;
}

export function startEffects(options: EffectsOptions): Effects {
  const { effects, database, clock } = options;
  const runners = effects.map((effect) => createEffectRunner({ ...options, effect }));
  return {
    poke() {
      for (const runner of runners) runner.poke();
    },
    status: () => runners.map((runner) => runner.status()),
    async counts() {
      const counted = effects.map(async ({ name }) => [name, await countIntents(database, name, clock.now())] as const);
      return new Map(await Promise.all(counted));
    },
    async close() {
      await Promise.all(runners.map((runner) => runner.close()));
    },
  };
}
