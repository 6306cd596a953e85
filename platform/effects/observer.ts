// What effects tell whoever counts them, and what they answer when asked.
import type { IntentState } from './effect-store.ts';

/** Every method is optional; none may throw. */
export interface EffectObserver {
  performed?(facts: {
    readonly effect: string;
    readonly outcome: 'done' | 'rejected' | 'retry';
    readonly state: IntentState;
    readonly durationMs: number;
  }): void;
  outage?(facts: { readonly effect: string; readonly reason: string; readonly began: boolean }): void;
}

export interface EffectStatus {
  readonly name: string;
  /** `standby`: another process owns the effects. `paused`: an outage; the reason says which. */
  readonly state: 'standby' | 'running' | 'paused' | 'stopped';
  readonly reason: string;
  readonly underWay: number;
  /** Attempts by this process. */
  readonly performed: bigint;
}
