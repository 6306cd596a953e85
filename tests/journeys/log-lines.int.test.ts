import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLogger } from '@tradepost/platform/telemetry';
import type { TestPlatform } from '@tradepost/platform/testing';
import { startSpine } from './spine.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const KEY = 'right-key-4711';
const ids = {
  'x-request-id': 'request-1',
  'x-correlation-id': 'journey-1',
  traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
};

let platform: TestPlatform;
const lines: string[] = [];
const facts = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line));

async function post(path: string, payload: object, headers: Record<string, string> = {}): Promise<number> {
  const given = { 'content-type': 'application/json', ...headers };
  const answer = await fetch(`${platform.url}${path}`, {
    method: 'POST',
    headers: given,
    body: JSON.stringify(payload),
  });
  await answer.body?.cancel();
  return answer.status;
}

before(async () => {
  const destination = { write: (text: string) => void lines.push(text) };
  const log = createLogger({ level: 'debug', format: 'json', destination });
  platform = await startSpine({ serve: true, log, env: { API_KEY: KEY } });
});

after(() => platform.close());

test('no secret of a request is in any line, at the level debug', async () => {
  const secrets = {
    authorization: 'Bearer secret-authorization',
    'x-api-key': 'secret-api-key',
    cookie: 'session=secret-cookie',
    'proxy-authorization': 'Basic secret-proxy',
  };
  const event = { user_id: 1, new_score: 730, change: 15 };
  assert.equal(
    await post('/api/v1/users', { name: 'Ada', email: 'ada@example.com', password: 'secret-password' }, secrets),
    400,
  );
  assert.equal(await post('/api/v1/score-events?token=secret-query', event, secrets), 401);
  assert.equal(await post('/api/v1/users', { name: 'Ada', email: 'ada@example.com' }, secrets), 201);
  assert.equal(await post('/nowhere?password=secret-query', { password: 'secret-password' }, secrets), 404);
  await platform.settle();
  assert.equal(await post('/api/v1/score-events', event, { 'x-api-key': KEY, ...ids }), 202);
  await platform.settle();
  const all = lines.join('');
  assert.deepEqual([...all.matchAll(/secret-[a-z-]+/g)].map(String), []);
  assert.equal(all.includes(KEY), false);
  assert.equal(facts().filter(({ msg }) => msg === 'request').length, 5);
});

test('a line names its service once, and what belongs to a request carries its ids', () => {
  assert.deepEqual(
    lines.filter((line) => (line.match(/"service":/g)?.length ?? 0) > 1),
    [],
  );
  const expected = { request_id: 'request-1', correlation_id: 'journey-1', trace_id: TRACE };
  const access = facts().find((line) => line['request_id'] === 'request-1' && line['msg'] === 'request');
  assert.partialDeepStrictEqual(access, { ...expected, route: '/api/v1/score-events', status: 202 });
  const sending = facts().find(({ msg }) => String(msg).includes('Sending congratulation email to user 1'));
  assert.partialDeepStrictEqual(sending, { ...expected, service: 'delivery' });
});

test('a bug is logged with its cause and the ids of the request', async () => {
  await platform.database('user').query('alter table users rename to gone');
  assert.equal(await post('/api/v1/users', { name: 'Alan', email: 'alan@example.com' }, ids), 500);
  const bug = facts().find(({ level }) => level === 'error');
  assert.partialDeepStrictEqual(bug, {
    request_id: 'request-1',
    correlation_id: 'journey-1',
    trace_id: TRACE,
    method: 'tradepost.user.v1.UserService.CreateUser',
    error: { code: '42P01' },
  });
});
