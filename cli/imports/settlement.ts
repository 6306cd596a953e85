// Waits until what was sent has run its course, and says how many notifications came of it: the growth of the
// notification service's log. Others' traffic in that time is counted with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { type GetStatusResponse, OperationsService } from '@tradepost/contracts/operations';
import type { Connection } from '../connect.ts';

export interface Settled {
  /** Undefined where the operations service does not answer. */
  readonly notified: bigint | undefined;
  /** False when the time was up first. */
  readonly settled: boolean;
}

const POLL_MS = 100;
const NOTIFIER = 'notification';

function logged(status: GetStatusResponse): bigint {
  return status.services.find(({ name }) => name === NOTIFIER)?.logged ?? 0n;
}

/** Nothing on its way: parked messages and given-up effects need a person and are not waited for. */
export function isQuiet({ services, consumers, effects }: GetStatusResponse): boolean {
  return (
    services.every(({ outboxAgeSeconds }) => outboxAgeSeconds === 0) &&
    consumers.every(({ lag }) => lag === 0n) &&
    effects.every(({ pending }) => pending === 0n)
  );
}

export async function openSettlement(connection: Connection, longestMs: number): Promise<{ wait(): Promise<Settled> }> {
  const client = connection.client(OperationsService);
  const read = async (): Promise<GetStatusResponse | undefined> => {
    try {
      return await client.getStatus({});
    } catch {
      return undefined;
    }
  };
  const before = longestMs === 0 ? undefined : await read();
  return {
    async wait() {
      if (before === undefined) return { notified: undefined, settled: false };
      const giveUpMs = performance.now() + longestMs;
      let notified: bigint | undefined;
      for (;;) {
        // A busy process may answer late: that is no reason to give up before the time.
        const now = await read();
        if (now !== undefined) notified = logged(now) - logged(before);
        if (now !== undefined && isQuiet(now)) return { notified, settled: true };
        if (performance.now() >= giveUpMs) return { notified, settled: false };
        await sleep(POLL_MS);
      }
    },
  };
}
