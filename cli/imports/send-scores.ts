// Sends score events in keyed batches, several at once, in order per person; notes what became of each. What the server
// refuses for now is sent again before its lane goes on: so no later event of a person passes an earlier one.
import type { SendScoreEventsResponse_Result as Result, ScoreEvent, ScoreService } from '@tradepost/contracts/score';
import type { Client } from '@tradepost/platform/rpc';
import { createLanes } from './lanes.ts';
import type { LineReport } from './line-report.ts';
import { type RetryOptions, retrying } from './retry.ts';

export interface ScoreItem {
  readonly line: number;
  readonly key: string;
  readonly event: ScoreEvent;
}

const LANES = 4;
const MAX_BATCH = 500;
const BATCH_TIMEOUT_MS = 30_000;

/** Some items of a batch are refused for now. */
class PutOffError extends Error {
  readonly status = 'UNAVAILABLE';
}

export function createScoreSender(
  client: Pick<Client<typeof ScoreService>, 'sendScoreEvents'>,
  report: LineReport,
  onBatch: () => void,
  retry?: RetryOptions,
) {
  const note = (items: readonly ScoreItem[], results: readonly Result[]): readonly ScoreItem[] => {
    const putOff: ScoreItem[] = [];
    for (const [index, item] of items.entries()) {
      const result = results[index];
      if (result?.status === 'accepted') report.counts.accepted += 1;
      else if (result?.status === 'replayed') report.counts.replayed += 1;
      else if (result?.retryable === true) putOff.push(item);
      else report.refused(item.line, result?.code ?? 'no_result', result?.detail ?? 'the server gave no result for it');
    }
    return putOff;
  };
  const send = async (items: readonly ScoreItem[]): Promise<void> => {
    let left = items;
    await retrying(async () => {
      const request = { items: left.map(({ key, event }) => ({ idempotencyKey: key, event })) };
      const { results } = await client.sendScoreEvents(request, { timeoutMs: BATCH_TIMEOUT_MS });
      left = note(left, results);
      onBatch();
      if (left.length > 0) throw new PutOffError(results.find(({ retryable }) => retryable)?.detail);
    }, retry);
  };
  return createLanes<ScoreItem>({
    lanes: LANES,
    maxBatch: MAX_BATCH,
    keyOf: ({ event }) => event.userId,
    identityOf: ({ key }) => key,
    send,
  });
}
