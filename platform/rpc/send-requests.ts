// The caller's half of a stream: reads its requests into a bounded pipe, and stops when nobody wants them any more.
import { createPipe, type Pipe } from './pipe.ts';

export interface Sending<T> {
  readonly pipe: Pipe<T>;
  /** Aborted by the caller's own signal, by `stop`, and when reading the requests failed. */
  readonly signal: AbortSignal;
  failure(): { readonly error: unknown } | undefined;
  stop(): void;
}

export function sendRequests<T>(
  requests: AsyncIterable<T>,
  capacity: number,
  copy: (request: T) => T,
  signal?: AbortSignal,
): Sending<T> {
  const controller = new AbortController();
  const pipe = createPipe<T>(capacity);
  let failure: { error: unknown } | undefined;
  const onAbort = (): void => controller.abort();
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });

  const pump = async (): Promise<void> => {
    try {
      for await (const request of requests) if (!(await pipe.push(copy(request)))) return;
      pipe.end();
    } catch (error) {
      failure = { error };
      controller.abort();
    }
  };
  void pump();

  return {
    pipe,
    signal: controller.signal,
    failure: () => failure,
    stop: () => {
      signal?.removeEventListener('abort', onAbort);
      controller.abort();
      void pipe.return();
    },
  };
}
