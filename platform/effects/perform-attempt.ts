// One attempt within its time. It has ended only when `perform` has: an attempt that is counted as failed while the
// outside may still do it would happen twice.
import { isTransient } from '../db/index.ts';
import { describeFailure } from '../events/index.ts';
import { FailpointError } from '../failpoints/index.ts';
import type { Context, Effect, Performed, PerformInfo } from '../service/index.ts';
import { logWithCause } from '../tracing/index.ts';
import type { DueIntent } from './effect-store.ts';

export const DEFAULT_TIMEOUT_MS = 30_000;
/** Within it `perform` has to end once its signal is aborted. */
export const ABORT_GRACE_MS = 5_000;

export interface AttemptOptions {
  readonly effect: Effect;
  readonly context: Context;
}

/**
 * @param closing cuts the attempt off because the process ends.
 * @returns undefined when it was cut off and nothing is known of it. Never throws, except for a test's failpoint.
 */
export async function performAttempt(
  { effect, context }: AttemptOptions,
  due: DueIntent,
  info: PerformInfo,
  closing: AbortSignal,
): Promise<Performed<unknown> | undefined> {
  const timeoutMs = effect.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([context.signal, closing, timeout]);
  const isCutOff = (): boolean => info.stopping.aborted || closing.aborted || context.signal.aborted;
  const log = logWithCause(context.log, due.cause);
  let grace: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    grace = setTimeout(() => {
      log.error({ effect: effect.name, id: due.id }, 'An attempt does not end though its time is over.');
    }, ABORT_GRACE_MS).unref();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const result = await effect.perform(due.intent, info, { ...context, signal, log });
    return result.outcome === 'retry' && isCutOff() ? undefined : result;
  } catch (error) {
    if (error instanceof FailpointError) throw error;
    if (isCutOff()) return undefined;
    if (timeout.aborted) return { outcome: 'retry', detail: `no answer within ${timeoutMs} ms` };
    // Our own database that went away is nobody's fault: it costs no attempt.
    return { outcome: 'retry', detail: describeFailure(error).error, outage: isTransient(error) };
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(grace);
  }
}
