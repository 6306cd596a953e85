// What a consumer needs of a bus, and no more: the events of one producer from a position on, in order per partition.
// The embedded bus reads the producers' logs; a broker's implementation proves itself by the same suite.

import type { LogRecord, PartHead, Position } from './log/index.ts';
import type { LogReader } from './log/log-reader.ts';

/** A place in every partition that a consumer reads, moving forward as batches are taken. */
export interface Subscription {
  /**
   * The next records, in order per (topic, part), at most `limit`; empty when there are none at present.
   * A record may come more than once. @throws OutOfRange when retention has removed what comes next.
   */
  read(limit: number): Promise<readonly LogRecord[]>;
  /** Says how far the consumer has committed. A hint: the consumer's own cursor is the truth. */
  acknowledge(positions: readonly Position[]): Promise<void>;
  close(): void;
}

export interface EventSource {
  readonly producer: string;
  incarnation(): Promise<string>;
  heads(topics: readonly string[]): Promise<readonly PartHead[]>;
  /** Begins behind the given positions. */
  subscribe(positions: readonly Position[]): Subscription;
  /**
   * Says now and then how far a consumer has committed, also while it reads nothing: what follows is kept for it, as
   * far as the bus can. @param at domain time.
   */
  report(consumer: string, positions: readonly Position[], at: Date): Promise<void>;
  /** Calls the listener soon after there is more to read. @returns how to stop listening. */
  onAdvance(listener: () => void): () => void;
}

export interface Bus {
  readonly name: string;
  /** @throws when the producer is unknown. */
  source(producer: string): EventSource;
}

/** The bus that needs no broker: consumers read the producers' logs themselves. */
export function createEmbeddedBus(readers: ReadonlyMap<string, LogReader>): Bus {
  return {
    name: 'embedded',
    source(producer) {
      const reader = readers.get(producer);
      if (reader === undefined) throw new Error(`no log of producer ${producer} can be read here`);
      return createLogSource(reader);
    },
  };
}

function createLogSource(reader: LogReader): EventSource {
  return {
    producer: reader.producer,
    incarnation: () => reader.incarnation(),
    heads: (topics) => reader.heads(topics),
    report: (consumer, positions, at) => reader.report(consumer, positions, at),
    onAdvance: (listener) => reader.onAdvance(listener),
    subscribe(start) {
      const positions = new Map(start.map((position) => [`${position.topic}/${position.part}`, position]));
      return {
        async read(limit) {
          const records = await reader.read([...positions.values()], limit);
          for (const { topic, part, sequence, incarnation } of records) {
            positions.set(`${topic}/${part}`, { topic, part, incarnation, after: sequence });
          }
          return records;
        },
        acknowledge: async () => {},
        close: () => {},
      };
    },
  };
}
