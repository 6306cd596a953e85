// `API_KEY` as the credit-event notification platform documents it, over REST and over its own RPC.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventService } from '@tradepost/contracts/score';
import { Refusal } from '@tradepost/platform/errors';
import { createGrpcClient } from '../../grpc-client.ts';
import { type RunningSystem, startSystem } from '../../running-system.ts';
import { type Ask, createAsk, eventually } from './http-client.ts';

const EVENT = { user_id: 42, new_score: 730, change: 15 };
let system: RunningSystem;
let ask: Ask;

before(async () => {
  system = await startSystem({ args: ['--config', 'examples/systems/score.yaml'], env: { API_KEY: 'feed-secret' } });
  ask = createAsk(system.url);
  // The people of the example are there a moment after the start.
  await eventually(async () => ((await ask('GET', '/api/v1/users/42')).status === 200 ? true : undefined));
});
after(() => system?.close());

const send = (headers: Record<string, string>): Promise<number> =>
  ask('POST', '/api/v1/score-events', EVENT, headers).then(({ status }) => status);

test('with API_KEY set a score event needs the header X-API-Key', async () => {
  assert.equal(await send({}), 401);
  assert.equal(await send({ 'x-api-key': 'something else' }), 401);
  assert.equal(await send({ 'X-API-Key': 'feed-secret' }), 202);
});

test('the documented RPC is served beside ours, by the same code, under the same key', async () => {
  const events = createGrpcClient(system.grpc, EventService);
  const request = { userId: 42n, newScore: 745, change: 15 };
  try {
    await assert.rejects(
      () => events.client.sendScoreEvent(request),
      (error) => error instanceof Refusal && error.status === 'UNAUTHENTICATED',
    );
    const credentials = { apiKey: 'feed-secret' };
    const acknowledged = await events.client.sendScoreEvent(request, { credentials });
    assert.equal(acknowledged.status, 'accepted');
    const stored = await ask('GET', '/api/v1/score-events?user_id=42&limit=1');
    assert.deepEqual(
      [stored.json.data[0].event_id, stored.json.data[0].new_score],
      [Number(acknowledged.eventId), 745],
    );
    await assert.rejects(
      () => events.client.sendScoreEvent({ ...request, userId: 999_999n }, { credentials }),
      (error) => error instanceof Refusal && error.code === 'user_not_found' && error.status === 'NOT_FOUND',
    );
  } finally {
    events.close();
  }
});
