// Ends a call at its deadline or when its caller goes away, whatever its handler is doing.
import type { Clock } from '../time/index.ts';
import type { Call } from './call.ts';
import { refuseCall } from './call-refusals.ts';

// Node's timers fire at once for anything longer than this.
const LONGEST_TIMER_MS = 2 ** 31 - 1;
// Two clocks and whole milliseconds on the wire: a deadline may strike so much earlier than ours.
const CANCELLED_EARLY_MS = 5;

/** Runs `stop` after `ms`; @returns what calls it off. */
export function after(ms: number, stop: () => void): () => void {
  const timer = setTimeout(stop, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
  return () => clearTimeout(timer);
}

/** Rejects when the call can no longer be answered in time, before anything was done for it. */
export function refuseIfLate(call: Call, clock: Clock): void {
  if (call.signal?.aborted) throw refuseCall('cancelled', {});
  const { deadlineMs } = call.meta;
  if (deadlineMs !== undefined && deadlineMs <= clock.monotonicMs()) throw refuseCall('deadline_exceeded', {});
}

/** gRPC cancels a call at its deadline: then that is the reason. */
export function refusalOfAbort({ meta: { deadlineMs } }: Call, clock: Clock): Error {
  const isLate = deadlineMs !== undefined && deadlineMs - CANCELLED_EARLY_MS <= clock.monotonicMs();
  return refuseCall(isLate ? 'deadline_exceeded' : 'cancelled', {});
}

/** The work's result, unless the deadline or the caller's signal comes first; then `abort` is told why. */
export function withinLimits<T>(
  work: Promise<T>,
  call: Call,
  clock: Clock,
  abort: (reason: Error) => void,
): Promise<T> {
  const { signal } = call;
  const { deadlineMs } = call.meta;
  if (deadlineMs === undefined && signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const stop = (reason: Error): void => {
      release();
      abort(reason);
      reject(reason);
    };
    const onAbort = (): void => stop(refusalOfAbort(call, clock));
    const timer =
      deadlineMs === undefined
        ? undefined
        : setTimeout(
            () => stop(refuseCall('deadline_exceeded', {})),
            Math.min(Math.ceil(deadlineMs - clock.monotonicMs()), LONGEST_TIMER_MS),
          );
    signal?.addEventListener('abort', onAbort, { once: true });
    const release = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    work.then(
      (value) => {
        release();
        resolve(value);
      },
      (error) => {
        release();
        reject(error);
      },
    );
  });
}
