// Repeats a call that the network or a restart broke. Only for calls whose repeat is harmless.
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, Failure } from '../failure.ts';

const PASSING = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED']);
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5000;

export interface RetryOptions {
  /** How long to go on after the first failure. Default 60 s. */
  readonly patienceMs?: number;
  readonly firstDelayMs?: number;
}

/** @throws what the call threw when it is no passing fault; Failure `gave_up` when patience ends. */
export async function retrying<T>(call: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { patienceMs = 60_000, firstDelayMs = FIRST_DELAY_MS } = options;
  let giveUpMs: number | undefined;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const status = (error as { status?: string }).status ?? '';
      if (!PASSING.has(status)) throw error;
      giveUpMs ??= performance.now() + patienceMs;
      if (performance.now() >= giveUpMs) {
        const fix = 'run the same command again: what was accepted is not done twice';
        const message = `The server does not take more: ${(error as Error).message}`;
        throw new Failure('gave_up', message, { fix, exitCode: EXIT.unreachable, cause: error });
      }
      const wished = (error as { options?: { retryAfterSeconds?: number } }).options?.retryAfterSeconds;
      const delayMs = wished === undefined ? firstDelayMs * 2 ** attempt : wished * 1000;
      await sleep(Math.min(delayMs, LONGEST_DELAY_MS) * (0.5 + Math.random() / 2));
    }
  }
}
