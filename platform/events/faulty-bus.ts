// A bus for tests that behaves as badly as a bus may: it delivers twice, interleaves partitions at will, hands out
// batches in pieces, fails, and loses acknowledgements. From a seed, so that a failure comes back. Within a partition
// the order stays, as on every bus.
import type { Bus, EventSource, Subscription } from './bus.ts';
import type { LogRecord, Position } from './log/index.ts';

export interface BusFaults {
  readonly seed: number;
  /** Every record comes twice: at once, or again in a later batch. */
  readonly duplicate?: boolean;
  /** Partitions are interleaved at random, and some come later. */
  readonly reorder?: boolean;
  /** Share of reads that fail. */
  readonly failureRate?: number;
  /** Share of acknowledgements that are lost after the commit: what was read comes again. */
  readonly lostAcknowledgementRate?: number;
}

/** The bus failed, as buses do; reading again helps. */
export class BusFaultError extends Error {
  override readonly name = 'BusFaultError';
}

export function createFaultyBus(bus: Bus, faults: BusFaults): Bus {
  const random = createRandom(faults.seed);
  return {
    name: `faulty ${bus.name}`,
    source: (producer) => createFaultySource(bus.source(producer), faults, random),
  };
}

function createFaultySource(source: EventSource, faults: BusFaults, random: () => number): EventSource {
  const fail = (what: string): void => {
    if (random() < (faults.failureRate ?? 0)) throw new BusFaultError(`the bus fails to ${what}`);
  };
  return {
    producer: source.producer,
    incarnation: () => source.incarnation(),
    heads: (topics) => source.heads(topics),
    report: (consumer, positions, at) => source.report(consumer, positions, at),
    onAdvance: (listener) => source.onAdvance(listener),
    subscribe(positions) {
      const inner = source.subscribe(rewind(positions, faults, random));
      return createFaultySubscription(inner, faults, random, fail);
    },
  };
}

function createFaultySubscription(
  inner: Subscription,
  faults: BusFaults,
  random: () => number,
  fail: (what: string) => void,
): Subscription {
  let delayed: LogRecord[] = [];
  let again: LogRecord[] = [];
  return {
    async read(limit) {
      fail('read');
      const fresh = delayed.length > 0 && random() < 0.5 ? [] : await inner.read(limit);
      let records = [...delayed, ...fresh];
      delayed = [];
      if (faults.reorder === true) {
        const mixed = interleave(records, random);
        // The last of a shuffled batch come later, each behind its own partition's earlier ones.
        const cut =
          mixed.length > 1 && fresh.length > 0 ? Math.ceil(mixed.length * (0.5 + random() / 2)) : mixed.length;
        records = mixed.slice(0, cut);
        delayed = mixed.slice(cut);
      }
      if (faults.duplicate !== true) return records;
      const repeated = again;
      again = records;
      return random() < 0.5 ? [...repeated, ...records] : [...repeated, ...records.flatMap((one) => [one, one])];
    },
    async acknowledge(positions) {
      if (random() < (faults.lostAcknowledgementRate ?? 0)) throw new BusFaultError('the acknowledgement was lost');
      await inner.acknowledge(positions);
    },
    close: () => inner.close(),
  };
}

// What was not acknowledged comes again: begin some records before the position that is asked for.
function rewind(positions: readonly Position[], faults: BusFaults, random: () => number): readonly Position[] {
  if (faults.lostAcknowledgementRate === undefined && faults.duplicate !== true) return positions;
  return positions.map((position) => {
    const back = BigInt(Math.floor(random() * 20));
    return { ...position, after: position.after > back ? position.after - back : 0n };
  });
}

function interleave(records: readonly LogRecord[], random: () => number): LogRecord[] {
  const parts = new Map<string, LogRecord[]>();
  for (const record of records) {
    const name = `${record.topic}/${record.part}`;
    parts.set(name, [...(parts.get(name) ?? []), record]);
  }
  const queues = [...parts.values()];
  const mixed: LogRecord[] = [];
  while (queues.length > 0) {
    const at = Math.floor(random() * queues.length);
    const queue = queues[at] as LogRecord[];
    mixed.push(queue.shift() as LogRecord);
    if (queue.length === 0) queues.splice(at, 1);
  }
  return mixed;
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
