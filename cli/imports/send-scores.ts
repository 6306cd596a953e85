// Sends score events in keyed batches, several at once, in order per person; notes what became of each.
import type { ScoreEvent, ScoreService } from '@tradepost/contracts/score';
import type { Client } from '@tradepost/platform/rpc';
import { createLanes } from './lanes.ts';
import type { LineReport } from './line-report.ts';
import { retrying } from './retry.ts';

export interface ScoreItem {
  readonly line: number;
  readonly key: string;
  readonly event: ScoreEvent;
}

const LANES = 4;
const MAX_BATCH = 500;
const BATCH_TIMEOUT_MS = 30_000;

export function createScoreSender(client: Client<typeof ScoreService>, report: LineReport, onBatch: () => void) {
  const send = async (items: readonly ScoreItem[]): Promise<void> => {
    const request = { items: items.map(({ key, event }) => ({ idempotencyKey: key, event })) };
    const { results } = await retrying(() => client.sendScoreEvents(request, { timeoutMs: BATCH_TIMEOUT_MS }));
    items.forEach(({ line }, index) => {
      const result = results[index];
      if (result?.status === 'accepted') report.counts.accepted += 1;
      else if (result?.status === 'replayed') report.counts.replayed += 1;
      else report.refused(line, result?.code ?? 'no_result', result?.detail ?? 'the server gave no result for it');
    });
    onBatch();
  };
  return createLanes<ScoreItem>({
    lanes: LANES,
    maxBatch: MAX_BATCH,
    keyOf: ({ event }) => event.userId,
    identityOf: ({ key }) => key,
    send,
  });
}
