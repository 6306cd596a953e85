import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestPlatform } from '@tradepost/platform/testing';
import { startSpine } from './spine.ts';

let platform: TestPlatform;
let body: string;

async function request(method: string, path: string, payload?: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const given = payload === undefined ? { method } : { method, headers, body: JSON.stringify(payload) };
  const answer = await fetch(`${platform.url}${path}`, given);
  assert.equal(answer.ok, true, await answer.text());
}

/** @returns the series of a metric as `{labels} value`, sorted. */
function seriesOf(metric: string): string[] {
  const lines = body.split('\n').filter((line) => line.startsWith(`${metric}{`));
  return lines.map((line) => line.slice(metric.length)).sort();
}

before(async () => {
  platform = await startSpine({ serve: true });
  await request('POST', '/api/v1/users', { name: 'Ada Lovelace', email: 'ada@example.com' });
  await request('POST', '/api/v1/users', { name: 'Alan Turing', email: 'alan@example.com' });
  await request('DELETE', '/api/v1/users/2');
  await request('POST', '/api/v1/score-events', { user_id: 1, new_score: 730, change: 15 });
  await request('POST', '/api/v1/score-events', { user_id: 1, new_score: 735, change: 5 });
  await platform.settle();
  body = await (await fetch(`${platform.url}/metrics`)).text();
});

after(() => platform.close());

test('what was published is counted by type', () => {
  assert.deepEqual(seriesOf('events_published_total'), [
    '{service="delivery",topic="delivery_events",type="tradepost.delivery.v1.MessageSent"} 1',
    '{service="notification",topic="notifications",type="tradepost.notification.v1.NotificationRequested"} 1',
    '{service="score",topic="score_events",type="tradepost.score.v1.ScoreEventAccepted"} 2',
    '{service="user",topic="user-created_v1",type="tradepost.user.v1.UserCreated"} 2',
    '{service="user",topic="user-deleted_v1",type="tradepost.user.v1.UserDeleted"} 1',
  ]);
});

test('what consumers applied is counted once, and nothing was delivered twice or failed', () => {
  const consumers = [
    'service="delivery",consumer="delivery.notifications",producer="notification"',
    'service="notification",consumer="notification.delivery-events",producer="delivery"',
    'service="notification",consumer="notification.score-events",producer="score"',
    'service="score",consumer="score.user-events",producer="user"',
  ];
  const each = (counts: readonly number[]) => consumers.map((labels, place) => `{${labels}} ${counts[place]}`);
  assert.deepEqual(seriesOf('consumer_events_applied_total'), each([1, 1, 2, 3]));
  assert.deepEqual(seriesOf('consumer_batch_size_sum'), each([1, 1, 2, 3]));
  for (const quiet of ['duplicates', 'gaps', 'outages', 'events_passed']) {
    assert.deepEqual(seriesOf(`consumer_${quiet}_total`), each([0, 0, 0, 0]), quiet);
  }
  assert.deepEqual(seriesOf('consumer_failures_total'), []);
});

test('effects, command batches and sequenced rows are counted', () => {
  assert.deepEqual(seriesOf('effects_performed_total'), [
    '{service="delivery",effect="delivery.send-email",outcome="done",state="done"} 1',
  ]);
  assert.deepEqual(seriesOf('command_batch_size_sum'), [
    '{service="score",method="SendScoreEvent"} 2',
    '{service="user",method="CreateUser"} 2',
    '{service="user",method="DeleteUser"} 1',
  ]);
  assert.deepEqual(seriesOf('sequencer_rows_total'), [
    '{service="delivery"} 1',
    '{service="notification"} 1',
    '{service="score"} 2',
    '{service="user"} 3',
  ]);
  assert.deepEqual(
    seriesOf('sequencer_leading').map((line) => line.slice(-1)),
    ['1', '1', '1', '1'],
  );
});

test('requests are counted by route, and both pools of a service are shown', () => {
  assert.deepEqual(seriesOf('http_requests_total'), [
    '{method="DELETE",route="/api/v1/users/{id}",status="204"} 1',
    '{method="POST",route="/api/v1/score-events",status="202"} 2',
    '{method="POST",route="/api/v1/users",status="201"} 2',
  ]);
  const limits = seriesOf('db_pool_connections').filter((line) => /service="user".*state="max"/.test(line));
  assert.deepEqual(limits, [
    '{service="user",pool="main",state="max"} 10',
    '{service="user",pool="pipeline",state="max"} 3',
  ]);
});

test('every metric says what it is', () => {
  const described = new Set([...body.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name));
  const typed = [...body.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
  assert.deepEqual(
    typed.filter((name) => !described.has(name)),
    [],
  );
});
