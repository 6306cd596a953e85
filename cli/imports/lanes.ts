// Sends items in batches over a few lanes. All items of one key use one lane, which sends one batch at a time: so the
// order within a key survives, whatever the lanes do beside each other. A batch grows while the one before is away.
import { setImmediate } from 'node:timers/promises';

export interface Lanes<Item> {
  /** Resolves when there is room for more. Rejects once a batch has failed. */
  add(item: Item): Promise<void>;
  /** Resolves when everything was sent. */
  finish(): Promise<void>;
}

export interface LanesOptions<Item> {
  readonly lanes: number;
  readonly maxBatch: number;
  /** Decides the lane. */
  readonly keyOf: (item: Item) => bigint;
  /** Two of one identity never share a batch; the second one waits for the next. */
  readonly identityOf: (item: Item) => string;
  readonly send: (items: readonly Item[]) => Promise<void>;
}

interface Lane<Item> {
  readonly waiting: Item[];
  running: Promise<void> | undefined;
  /** Called when there may be room again. */
  onRoom: (() => void)[];
}

export function createLanes<Item>(options: LanesOptions<Item>): Lanes<Item> {
  const lanes = Array.from(
    { length: options.lanes },
    (): Lane<Item> => ({ waiting: [], running: undefined, onRoom: [] }),
  );
  const most = options.maxBatch * 2;
  let failure: { readonly error: unknown } | undefined;

  const run = async (lane: Lane<Item>): Promise<void> => {
    try {
      // What arrives in the same moment belongs to the same batch.
      await setImmediate();
      while (lane.waiting.length > 0 && failure === undefined) {
        const batch = takeBatch(lane.waiting, options);
        tellRoom(lane);
        await options.send(batch);
      }
    } catch (error) {
      failure ??= { error };
    } finally {
      lane.running = undefined;
      tellRoom(lane);
    }
  };

  return {
    async add(item) {
      if (failure !== undefined) throw failure.error;
      const index = Number(BigInt.asUintN(32, options.keyOf(item)) % BigInt(options.lanes));
      const lane = lanes[index] as Lane<Item>;
      lane.waiting.push(item);
      lane.running ??= run(lane);
      while (lane.waiting.length >= most && lane.running !== undefined) {
        await new Promise<void>((resolve) => lane.onRoom.push(resolve));
      }
    },
    async finish() {
      while (lanes.some(({ running }) => running !== undefined)) await Promise.all(lanes.map(({ running }) => running));
      if (failure !== undefined) throw failure.error;
    },
  };
}

function tellRoom<Item>(lane: Lane<Item>): void {
  for (const resume of lane.onRoom.splice(0)) resume();
}

function takeBatch<Item>(waiting: Item[], { maxBatch, identityOf }: LanesOptions<Item>): Item[] {
  const seen = new Set<string>();
  let length = 0;
  while (length < waiting.length && length < maxBatch) {
    const identity = identityOf(waiting[length] as Item);
    if (seen.has(identity)) break;
    seen.add(identity);
    length += 1;
  }
  return waiting.splice(0, length);
}
