// Tells the producer now and then how far a consumer has committed, paused or not: the producer's retention keeps what
// follows. A report that fails costs nothing but time; the next one says the same and more.
import type { Logger } from '../../service/index.ts';
import type { Clock } from '../../time/index.ts';
import type { EventSource } from '../bus.ts';
import type { CursorIdentity, PartitionCursor } from './cursor-store.ts';

const EVERY_MS = 30_000;

export interface PositionReportOptions {
  readonly source: EventSource;
  readonly identity: CursorIdentity;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface PositionReport {
  /** Reports when the last report is long enough ago. Never throws, never waits for the producer. */
  sendWhenDue(cursors: ReadonlyMap<string, PartitionCursor>): void;
  /** Resolves when no report is under way. */
  done(): Promise<void>;
}

export function createPositionReport({ source, identity, clock, log }: PositionReportOptions): PositionReport {
  let sentAtMs = Number.NEGATIVE_INFINITY;
  let sending: Promise<void> | undefined;
  const send = async (cursors: ReadonlyMap<string, PartitionCursor>): Promise<void> => {
    try {
      await source.report(identity.consumer, [...cursors.values()], clock.now());
    } catch (error) {
      log.debug({ ...identity, error }, 'The position could not be reported; trying again later.');
    } finally {
      sending = undefined;
    }
  };
  return {
    sendWhenDue(cursors) {
      if (sending !== undefined || clock.monotonicMs() - sentAtMs < EVERY_MS) return;
      sentAtMs = clock.monotonicMs();
      sending = send(cursors);
    },
    async done() {
      await sending;
    },
  };
}
