// Gathers what arrives while its slots are busy into batches. It never waits for more to come: a batch leaves at the
// end of the turn of the event loop in which a slot is free, so what many sockets brought in one turn goes together.
import { AsyncResource } from 'node:async_hooks';

export interface CoalescerOptions<Item> {
  /** Batches that run at once. */
  readonly slots: number;
  readonly maxBatch: number;
  /** Items that may wait. */
  readonly queueLimit: number;
  /** Items with the same key never run in two batches at once, so that a later one does not overtake. */
  readonly keyOf?: (item: Item) => unknown;
  /** Runs a batch. It settles its items by itself and must not reject. */
  readonly run: (batch: Item[]) => Promise<void>;
}

export interface Coalescer<Item> {
  /** @returns false when the queue is full. */
  add(item: Item): boolean;
  /** Takes what waits and is meant out of the queue, in order. */
  withdraw(isMeant: (item: Item) => boolean): Item[];
  waiting(): number;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
}

export function createCoalescer<Item>(options: CoalescerOptions<Item>): Coalescer<Item> {
  const { slots, maxBatch, queueLimit, keyOf, run } = options;
  const runningKeys = new Set<unknown>();
  let queue: Item[] = [];
  let busy = 0;
  let isScheduled = false;
  let onIdle: (() => void)[] = [];

  // Bound to the context of its making: a batch belongs to none of its callers.
  const flush = AsyncResource.bind((): void => {
    isScheduled = false;
    while (busy < slots && queue.length > 0) {
      const batch = takeBatch();
      if (batch.length === 0) break;
      const keys = keyOf === undefined ? [] : batch.map(keyOf);
      for (const key of keys) runningKeys.add(key);
      busy += 1;
      void run(batch).finally(() => {
        busy -= 1;
        for (const key of keys) runningKeys.delete(key);
        schedule();
      });
    }
    if (busy > 0 || queue.length > 0) return;
    for (const resolve of onIdle) resolve();
    onIdle = [];
  });

  /** The first in the queue whose keys are not under way; the others keep their places. */
  function takeBatch(): Item[] {
    if (keyOf === undefined || runningKeys.size === 0) return queue.splice(0, maxBatch);
    const batch: Item[] = [];
    const left: Item[] = [];
    for (const item of queue) {
      if (batch.length < maxBatch && !runningKeys.has(keyOf(item))) batch.push(item);
      else left.push(item);
    }
    queue = left;
    return batch;
  }

  function schedule(): void {
    if (isScheduled || busy >= slots) return;
    isScheduled = true;
    setImmediate(flush);
  }

  return {
    add: (item) => {
      if (queue.length >= queueLimit) return false;
      queue.push(item);
      schedule();
      return true;
    },
    withdraw: (isMeant) => {
      const withdrawn = queue.filter(isMeant);
      if (withdrawn.length > 0) queue = queue.filter((item) => !isMeant(item));
      return withdrawn;
    },
    waiting: () => queue.length,
    idle: () => {
      if (busy === 0 && queue.length === 0) return Promise.resolve();
      return new Promise((resolve) => onIdle.push(resolve));
    },
  };
}
