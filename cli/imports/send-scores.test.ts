import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ScoreEventSchema,
  SendScoreEventsRequestSchema,
  type SendScoreEventsResponse_ResultSchema,
  SendScoreEventsResponseSchema,
} from '@tradepost/contracts/score';
import { createLineReport } from './line-report.ts';
import { createScoreSender } from './send-scores.ts';

type Result = MessageInitShape<typeof SendScoreEventsResponse_ResultSchema>;

/** A service that keeps what it accepts, and whose say decides the rest. */
function service(say: (key: string, call: number) => Result | undefined) {
  const accepted: string[] = [];
  let calls = 0;
  return {
    accepted,
    calls: () => calls,
    sendScoreEvents: async (init: MessageInitShape<typeof SendScoreEventsRequestSchema>) => {
      calls += 1;
      const { items } = create(SendScoreEventsRequestSchema, init);
      const results = items.map(({ idempotencyKey }) => {
        const refused = say(idempotencyKey, calls);
        if (refused !== undefined) return refused;
        accepted.push(idempotencyKey);
        return { status: 'accepted', eventId: BigInt(accepted.length) };
      });
      return create(SendScoreEventsResponseSchema, { results });
    },
  };
}

const FOR_NOW = { status: 'refused', code: 'unavailable', detail: 'try again', retryable: true };
const FOR_GOOD = { status: 'refused', code: 'user_not_found', detail: 'nobody', retryable: false };

const item = (line: number, userId: bigint) => ({
  ...{ line, key: String(line) },
  event: create(ScoreEventSchema, { userId, newScore: 700, change: 1 }),
});

test('items that are refused for now are sent again under their keys, and none of them counts as refused', async () => {
  const scores = service((key, call) => {
    if (key === '7') return FOR_GOOD;
    return call <= 3 && Number(key) > 5 ? FOR_NOW : undefined;
  });
  const report = createLineReport(undefined);
  const sender = createScoreSender(scores, report, () => {}, { firstDelayMs: 1 });
  for (let line = 1; line <= 20; line += 1) await sender.add(item(line, 4n));
  await sender.finish();
  assert.deepEqual(
    { ...report.counts, calls: scores.calls() },
    {
      ...{ lines: 0, accepted: 19, replayed: 0, refused: 1, broken: 0 },
      calls: 4,
    },
  );
  assert.deepEqual(report.listed(), [{ line: 7, code: 'user_not_found', detail: 'nobody' }]);
  const wanted = Array.from({ length: 20 }, (_, n) => String(n + 1)).filter((key) => key !== '7');
  assert.deepEqual(scores.accepted, wanted);
});

test('a later line of a person is not sent before an earlier one is settled', async () => {
  const scores = service((key, call) => (key === '1' && call <= 2 ? FOR_NOW : undefined));
  const sender = createScoreSender(scores, createLineReport(undefined), () => {}, { firstDelayMs: 1 });
  const lateLines = [2, 3, 4];
  await sender.add(item(1, 8n));
  // The first batch leaves with the first line alone.
  while (scores.calls() === 0) await new Promise((resolve) => setImmediate(resolve));
  for (const line of lateLines) await sender.add(item(line, 8n));
  await sender.finish();
  assert.deepEqual(scores.accepted, ['1', '2', '3', '4']);
});

test('when patience ends the sending stops, and what waits is neither accepted nor refused', async () => {
  const scores = service(() => FOR_NOW);
  const report = createLineReport(undefined);
  const sender = createScoreSender(scores, report, () => {}, { firstDelayMs: 1, patienceMs: 20 });
  await sender.add(item(1, 1n));
  await assert.rejects(sender.finish(), { code: 'gave_up', message: 'The server does not take more: try again' });
  assert.deepEqual(report.counts, { lines: 0, accepted: 0, replayed: 0, refused: 0, broken: 0 });
});
