// A bounded queue between one writer and one reader: what a stream is inside a process. The writer waits while it is
// full; the reader may go away, which the writer learns.

export interface Pipe<T> extends AsyncIterableIterator<T> {
  /** Resolves once there is room for more: false when nobody will read it. */
  push(value: T): Promise<boolean>;
  /** Whether the next value has to wait. */
  isFull(): boolean;
  /** Half-close: what was pushed is still read. */
  end(): void;
  /** The reader gets what was pushed, then this error. */
  fail(error: unknown): void;
  /** Throws away what was not read and ends the reader with this error, at once. */
  abort(error: unknown): void;
  return(): Promise<IteratorResult<T>>;
}

interface Waiting<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

/** @param onReturn told when the reader leaves before the end. */
export function createPipe<T>(capacity: number, onReturn?: () => void): Pipe<T> {
  let buffer: T[] = [];
  let state: 'open' | 'ended' | 'failed' | 'left' = 'open';
  let failure: unknown;
  let reader: Waiting<T> | undefined;
  let writers: ((isRead: boolean) => void)[] = [];

  const release = (isRead: boolean): void => {
    const released = writers;
    writers = [];
    for (const resolve of released) resolve(isRead);
  };
  const settle = (): void => {
    const waiting = reader;
    if (waiting === undefined) return;
    reader = undefined;
    if (state === 'failed') waiting.reject(failure);
    else waiting.resolve({ done: true, value: undefined });
  };
  const close = (next: typeof state, error?: unknown): void => {
    if (state !== 'open') return;
    state = next;
    failure = error;
    settle();
    release(false);
  };

  return {
    push: (value) => {
      if (state !== 'open') return Promise.resolve(false);
      if (reader !== undefined) {
        const waiting = reader;
        reader = undefined;
        waiting.resolve({ done: false, value });
        return Promise.resolve(true);
      }
      buffer.push(value);
      if (buffer.length < capacity) return Promise.resolve(true);
      return new Promise((resolve) => writers.push(resolve));
    },
    isFull: () => buffer.length >= capacity,
    end: () => close('ended'),
    fail: (error) => close('failed', error),
    abort: (error) => {
      buffer = [];
      close('failed', error);
    },
    next: () => {
      if (buffer.length > 0) {
        const value = buffer.shift() as T;
        release(true);
        return Promise.resolve({ done: false, value });
      }
      if (state === 'failed') {
        state = 'ended';
        return Promise.reject(failure);
      }
      if (state !== 'open') return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve, reject) => {
        reader = { resolve, reject };
      });
    },
    return: () => {
      const wasOpen = state === 'open';
      buffer = [];
      close('left');
      if (wasOpen) onReturn?.();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
