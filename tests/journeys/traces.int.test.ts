import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestPlatform } from '@tradepost/platform/testing';
import { startSpine } from './spine.ts';
import { type ReceivedSpan, startTraceReceiver } from './trace-receiver.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

async function post(platform: TestPlatform, path: string, payload: object, traceparent?: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(traceparent && { traceparent }) };
  return await fetch(`${platform.url}${path}`, { method: 'POST', headers, body: JSON.stringify(payload) });
}

async function congratulate(platform: TestPlatform): Promise<Response> {
  await post(platform, '/api/v1/users', { name: 'Ada Lovelace', email: 'ada@example.com' });
  await platform.settle();
  const answer = await post(platform, '/api/v1/score-events', { user_id: 1, new_score: 730, change: 15 }, TRACEPARENT);
  await platform.settle();
  return answer;
}

/** The contexts that the rows of a journey carry, from the first outbox to the effect. */
async function storedContexts(platform: TestPlatform): Promise<{ place: string; traceparent: string }[]> {
  const places = [
    ['score', 'select traceparent from tradepost.outbox'],
    ['notification', 'select traceparent from tradepost.outbox'],
    ['delivery', `select cause->>'traceparent' as traceparent from tradepost.effects`],
    ['delivery', 'select traceparent from tradepost.outbox'],
  ] as const;
  const found = places.map(async ([place, sql]) => {
    const rows = await platform.database(place).query<{ traceparent: string }>(sql);
    return rows.map(({ traceparent }) => ({ place, traceparent }));
  });
  return (await Promise.all(found)).flat();
}

/** Names from the span up to the root of its trace. */
function pathOf(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent === undefined ? [span.name] : [span.name, ...pathOf(parent, spans)];
}

test('a score event is one trace, from the request to the mail and what became of it', async () => {
  const receiver = await startTraceReceiver();
  const platform = await startSpine({ serve: true, env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint } });
  const answer = await congratulate(platform);
  const stored = await storedContexts(platform);
  await platform.close();
  await receiver.close();

  const spans = receiver.spans.filter(({ traceId }) => traceId === TRACE);
  assert.deepEqual(spans.map(({ name, kind }) => `${kind} ${name}`).sort(), [
    '1 load delivery.notifications',
    '1 load notification.score-events',
    '1 load tradepost.score.v1.ScoreService/SendScoreEvent',
    '1 record delivery.send-email',
    '1 transaction tradepost.score.v1.ScoreService/SendScoreEvent',
    '2 POST /api/v1/score-events',
    '2 tradepost.score.v1.ScoreService/SendScoreEvent',
    '2 tradepost.user.v1.UserService/BatchGetUsers',
    '2 tradepost.user.v1.UserService/BatchGetUsers',
    '3 perform delivery.send-email',
    '3 tradepost.score.v1.ScoreService/SendScoreEvent',
    '3 tradepost.user.v1.UserService/BatchGetUsers',
    '3 tradepost.user.v1.UserService/BatchGetUsers',
    '4 publish delivery_events',
    '4 publish notifications',
    '4 publish score_events',
    '5 consume delivery.notifications',
    '5 consume notification.delivery-events',
    '5 consume notification.score-events',
  ]);
  const last = spans.find(({ name }) => name === 'consume notification.delivery-events') ?? assert.fail();
  assert.deepEqual(pathOf(last, spans), [
    'consume notification.delivery-events',
    'publish delivery_events',
    'record delivery.send-email',
    'perform delivery.send-email',
    'consume delivery.notifications',
    'publish notifications',
    'consume notification.score-events',
    'publish score_events',
    'transaction tradepost.score.v1.ScoreService/SendScoreEvent',
    'tradepost.score.v1.ScoreService/SendScoreEvent',
    'tradepost.score.v1.ScoreService/SendScoreEvent',
    'POST /api/v1/score-events',
  ]);
  const root = spans.find(({ name }) => name === 'POST /api/v1/score-events');
  assert.equal(root?.parentSpanId, '00f067aa0ba902b7');
  assert.equal(answer.headers.get('traceparent'), `00-${TRACE}-${root?.spanId}-01`);
  const nameOfSpan = new Map(spans.map(({ spanId, name }) => [spanId, name]));
  assert.deepEqual(
    stored.map(({ place, traceparent }) => `${place}: ${nameOfSpan.get(traceparent.slice(36, 52))}`),
    [
      'score: publish score_events',
      'notification: publish notifications',
      'delivery: consume delivery.notifications',
      'delivery: publish delivery_events',
    ],
  );
});

test('events of several requests that are consumed together stay in their traces, linked to the batch', async () => {
  const receiver = await startTraceReceiver();
  const platform = await startSpine({ serve: true, env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint } });
  await post(platform, '/api/v1/users', { name: 'Ada Lovelace', email: 'ada@example.com' });
  const event = { user_id: 1, new_score: 730, change: 15 };
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(platform, '/api/v1/score-events', event)));
  const traces = new Set(answers.map(({ headers }) => headers.get('traceparent')?.slice(3, 35)));
  await platform.settle();
  const stored = await storedContexts(platform);
  await platform.close();
  await receiver.close();

  assert.equal(traces.size, 20);
  for (const place of ['score', 'notification']) {
    const carried = stored.filter((row) => row.place === place).map(({ traceparent }) => traceparent.slice(3, 35));
    assert.deepEqual(new Set(carried), traces, place);
    assert.equal(carried.length, 20, place);
  }
  const batches = receiver.spans.filter(({ name }) => name.startsWith('transaction tradepost.score.v1'));
  const shared = batches.find(({ links }) => (links?.length ?? 0) > 1) ?? assert.fail('no calls shared a transaction');
  assert.equal(traces.has(shared.traceId), false);
  assert.equal(new Set(shared.links?.map(({ traceId }) => traceId)).isSubsetOf(traces), true);
});

test('without a collector the trace travels all the same', async () => {
  const platform = await startSpine({ serve: true });
  const answer = await congratulate(platform);
  const stored = await storedContexts(platform);
  await platform.close();
  assert.equal(answer.headers.get('traceparent'), TRACEPARENT);
  assert.deepEqual(
    stored,
    ['score', 'notification', 'delivery', 'delivery'].map((place) => ({ place, traceparent: TRACEPARENT })),
  );
});
