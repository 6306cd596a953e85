import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedCall } from '../rpc/observer.ts';
import { createMetrics } from './metrics.ts';
import { goCodeName } from './rpc-metrics.ts';

test('RPC counts carry the names and labels of go-grpc-prometheus', async () => {
  const metrics = createMetrics({ processMetrics: false });
  const call: ObservedCall = {
    side: 'server',
    service: 'tradepost.user.v1.UserService',
    method: 'GetUser',
    type: 'unary',
  };
  metrics.rpc.started(call);
  metrics.rpc.started(call);
  metrics.rpc.handled(call, 'OK', 0.003, 'r');
  metrics.rpc.handled(call, 'NOT_FOUND', 0.0004, 'r');
  const { body, contentType } = await metrics.print();
  const labels = 'grpc_type="unary",grpc_service="tradepost.user.v1.UserService",grpc_method="GetUser"';
  assert.match(contentType, /^text\/plain; version=0.0.4/);
  assert.ok(body.includes(`grpc_server_started_total{${labels}} 2\n`), body);
  assert.ok(body.includes(`grpc_server_handled_total{${labels},grpc_code="NotFound"} 1\n`), body);
  assert.ok(body.includes(`grpc_server_handling_seconds_bucket{le="0.0005",${labels}} 1\n`), body);
  assert.ok(body.includes(`grpc_server_handling_seconds_count{${labels}} 2\n`), body);
});

test("status names become Go's", () => {
  assert.equal(goCodeName('CANCELLED'), 'Canceled');
  assert.equal(goCodeName('FAILED_PRECONDITION'), 'FailedPrecondition');
});

test('HTTP requests are counted by route template, method and status', async () => {
  const metrics = createMetrics({ processMetrics: false });
  const request = { method: 'GET', route: '/users/{id}', status: 200, durationMs: 2 };
  metrics.http.handled(request);
  metrics.http.handled(request);
  metrics.http.handled({ ...request, status: 404 });
  const { body } = await metrics.print();
  assert.ok(body.includes('http_requests_total{method="GET",route="/users/{id}",status="200"} 2\n'), body);
  assert.ok(body.includes('http_request_duration_seconds_count{method="GET",route="/users/{id}",status="404"} 1\n'));
});

test('pools are read at the scrape and forgotten when told', async () => {
  const metrics = createMetrics({ processMetrics: false });
  const forget = metrics.observePool(
    { service: 'user', stats: () => ({ total: 3, idle: 8, waiting: 0, max: 10 }) },
    'main',
  );
  assert.ok((await metrics.print()).body.includes('db_pool_connections{service="user",pool="main",state="free"} 8\n'));
  forget();
  assert.equal((await metrics.print()).body.includes('service="user"'), false);
});

test('the pipeline is read at the scrape; one that fails is down and holds nothing up', async () => {
  const metrics = createMetrics({ processMetrics: false });
  const consumer = { consumer: 'c', producer: 'score', lag: 5n, waiting: 1n, held: 2n, dead: 3n, paused: true };
  metrics.observePipeline({
    service: 'score',
    read: () => ({
      outboxAgeSeconds: 0.5,
      logHeads: [{ topic: 'score_events', part: 2, head: 9n }],
      consumers: [consumer],
      effects: [{ effect: 'mail', pending: 4n, failed: 0n }],
    }),
  });
  metrics.observePipeline({ service: 'user', read: () => Promise.reject(new Error('no database')) });
  const { body } = await metrics.print();
  for (const line of [
    'pipeline_up{service="score"} 1',
    'pipeline_up{service="user"} 0',
    'outbox_age_seconds{service="score"} 0.5',
    'event_log_head{service="score",topic="score_events",partition="2"} 9',
    'consumer_lag{service="score",consumer="c",producer="score"} 5',
    'consumer_parked{service="score",consumer="c",producer="score",state="held"} 2',
    'consumer_dead{service="score",consumer="c",producer="score"} 3',
    'consumer_paused{service="score",consumer="c",producer="score"} 1',
    'effects_pending{service="score",effect="mail"} 4',
  ]) {
    assert.ok(body.includes(`${line}\n`), `${line} is not in\n${body}`);
  }
});

test('database facts become histograms and counters by service', async () => {
  const metrics = createMetrics({ processMetrics: false });
  metrics.database.queried({ service: 'user', sql: 'select 1', durationMs: 2, failed: true });
  metrics.database.acquired({ service: 'user', waitMs: 1, failed: false });
  metrics.database.transacted({ service: 'user', durationMs: 5, attempts: 3, outcome: 'rolled back' });
  const { body } = await metrics.print();
  assert.ok(body.includes('db_query_failures_total{service="user"} 1\n'));
  assert.ok(body.includes('db_transactions_total{service="user",outcome="rolled_back"} 1\n'));
  assert.ok(body.includes('db_transaction_retries_total{service="user"} 2\n'));
});
