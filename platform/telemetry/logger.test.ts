import assert from 'node:assert/strict';
import { test } from 'node:test';
import { causeFacts } from '../tracing/index.ts';
import { createAccessLog } from './access-log.ts';
import { createLogger } from './logger.ts';

function capture(format: 'json' | 'pretty') {
  const lines: string[] = [];
  const log = createLogger({ format, destination: { write: (text: string) => void lines.push(text) } });
  return { log, lines, facts: (index: number) => JSON.parse(lines[index] ?? '{}') as Record<string, unknown> };
}

test('a line is JSON with level, time, the facts of its child logger and the message', () => {
  const { log, facts } = capture('json');
  log.child({ service: 'order' }).info({ order_id: 7n }, 'placed');
  const { time, ...rest } = facts(0);
  assert.deepEqual(rest, { level: 'info', service: 'order', order_id: 7, msg: 'placed' });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('what is named like a secret is hidden at the top and two levels below', () => {
  const { log, lines } = capture('json');
  const headers = { authorization: 'Bearer s3cret', 'x-api-key': 's3cret', cookie: 's3cret' };
  log.info({ password: 's3cret', request: { headers, token: 's3cret' }, apiKey: 's3cret' }, 'hello');
  assert.equal(lines[0]?.includes('s3cret'), false);
  assert.equal(lines[0]?.match(/\[hidden\]/g)?.length, 6);
});

test('an error is written with its type, code and causes', () => {
  const { log, facts } = capture('json');
  log.error({ error: new Error('outer', { cause: Object.assign(new Error('inner'), { code: '40001' }) }) }, 'failed');
  const error = facts(0)['error'] as { message: string; cause: { message: string; code: string } };
  assert.deepEqual([error.message, error.cause.message, error.cause.code], ['outer', 'inner', '40001']);
});

test('a documented line is its text alone when pretty, and the message of a JSON line elsewhere', () => {
  const text = '[2025-11-02 10:32:14] Sending congratulation email to user 42: "Your score increased by 15 points!"';
  const pretty = capture('pretty');
  pretty.log.child({ service: 'delivery' }).line({ email_id: 7 }, text);
  assert.deepEqual(pretty.lines, [`${text}\n`]);
  const json = capture('json');
  json.log.line({ email_id: 7 }, text);
  assert.equal(json.facts(0)['msg'], text);
  assert.equal(json.facts(0)['email_id'], 7);
});

test('the facts of a cause carry the ids and the trace', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  assert.deepEqual(causeFacts({ requestId: 'r', correlationId: 'c', traceparent }), {
    request_id: 'r',
    correlation_id: 'c',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  });
});

test('above its rate the access log leaves lines out, says how many, and keeps failures', () => {
  const { log, lines, facts } = capture('json');
  let nowMs = 0;
  const access = createAccessLog({ log, perSecond: 2, monotonicMs: () => nowMs });
  const request = { method: 'GET', path: '/users/1', route: '/users/{id}', status: 200, durationMs: 1.23456 };
  for (let index = 0; index < 5; index += 1) access(request);
  assert.equal(lines.length, 2);
  access({ ...request, status: 500 });
  assert.equal(facts(2)['left_out'], 3);
  assert.equal(facts(2)['level'], 'error');
  nowMs = 1000;
  access(request);
  assert.equal(facts(3)['left_out'], undefined);
  assert.equal(facts(3)['duration_ms'], 1.235);
});
