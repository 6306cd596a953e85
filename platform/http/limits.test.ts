import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRestStub } from '../testing/rest-stub.ts';
import { acceptsJson } from './accept.ts';
import { createRateLimiter, isLoopback } from './rate-limit.ts';
import { requestIdsOf } from './request-ids.ts';

const EVENT = { method: 'POST', body: '{"user_id":1}', headers: { 'content-type': 'application/json' } };

async function codeOf(response: Promise<Response>): Promise<string> {
  const got = await response;
  return `${got.status} ${((await got.json()) as { code?: string }).code ?? ''}`.trim();
}

test('a caller has a burst, then a steady rate, and others are not touched', () => {
  let nowMs = 0;
  const limiter = createRateLimiter({ rps: 10, burst: 3 }, () => nowMs);
  const taken = [1, 2, 3, 4].map(() => limiter.take('a').allowed);
  assert.deepEqual(taken, [true, true, true, false]);
  assert.equal(limiter.take('a').retryAfterSeconds, 1);
  assert.equal(limiter.take('b').remaining, 2);
  nowMs = 100;
  assert.deepEqual([limiter.take('a').allowed, limiter.take('a').allowed], [true, false]);
  nowMs = 60_000;
  assert.equal(limiter.take('a').remaining, 2);
});

test('no more callers are remembered than there is room for', () => {
  const limiter = createRateLimiter({ rps: 1, burst: 1 }, () => 0, 100);
  for (let at = 0; at < 500; at++) limiter.take(`caller-${at}`);
  assert.equal(limiter.size, 100);
});

test('the rate limit is told in every answer and ends in 429', async () => {
  const limits = { rate: { rps: 1, burst: 2 }, rateOnLoopback: true };
  const stub = await startRestStub(() => ({ status: 'accepted', eventId: 1n }), { limits });
  const first = await fetch(`${stub.url}/api/v1/score-events`, EVENT);
  assert.equal(first.headers.get('ratelimit-policy'), '"default";q=2;w=2');
  assert.equal(first.headers.get('ratelimit'), '"default";r=1;t=1');
  await fetch(`${stub.url}/api/v1/score-events`, EVENT);
  const third = await fetch(`${stub.url}/api/v1/score-events`, EVENT);
  assert.equal(third.headers.get('retry-after'), '1');
  assert.equal(await codeOf(Promise.resolve(third)), '429 rate_limited');
  assert.equal((await fetch(`${stub.url}/livez`)).status, 200);
  await stub.close();
});

test('loopback has no rate limit unless one is set for it', async () => {
  const limits = { rate: { rps: 1, burst: 1 } };
  const stub = await startRestStub(() => ({ status: 'accepted', eventId: 1n }), { limits });
  for (let at = 0; at < 5; at++) assert.equal((await fetch(`${stub.url}/api/v1/score-events`, EVENT)).status, 202);
  await stub.close();
  assert.deepEqual(['127.0.0.1', '::1', '::ffff:127.0.0.9', '10.0.0.1', '::2', undefined].map(isLoopback), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('feeds need the API key where one is set; people do not', async () => {
  const stub = await startRestStub(({ method }) => (method === 'GetUser' ? { user: { id: 1n } } : {}), {
    apiKey: 'k3y',
  });
  const send = (headers: Record<string, string>) =>
    fetch(`${stub.url}/api/v1/score-events`, { ...EVENT, headers: { ...EVENT.headers, ...headers } });
  const missing = await send({});
  assert.equal(missing.headers.get('www-authenticate'), 'ApiKey');
  assert.equal(await codeOf(Promise.resolve(missing)), '401 api_key_required');
  assert.equal(await codeOf(send({ 'x-api-key': 'k3' })), '401 api_key_invalid');
  assert.equal((await send({ 'x-api-key': 'k3y' })).status, 202);
  assert.deepEqual(stub.calls[0]?.facts.meta.caller, { kind: 'service', name: 'feed' });
  assert.equal((await fetch(`${stub.url}/users/1`)).status, 200);
  assert.deepEqual(stub.calls[1]?.facts.meta.caller, { kind: 'anonymous' });
  await stub.close();
});

test('above the limit of requests under way, further ones get 503 at once', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stub = await startRestStub(() => promise.then(() => ({ status: 'accepted' })), { limits: { maxInFlight: 2 } });
  const held = [1, 2].map(() => fetch(`${stub.url}/api/v1/score-events`, EVENT));
  while (stub.server.inFlight() < 2) await new Promise((next) => setTimeout(next, 5));
  const refused = await fetch(`${stub.url}/api/v1/score-events`, EVENT);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal(await codeOf(Promise.resolve(refused)), '503 overloaded');
  resolve();
  assert.deepEqual(
    (await Promise.all(held)).map(({ status }) => status),
    [202, 202],
  );
  await stub.close();
});

test('closing answers what is under way, and says that the connection ends', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stub = await startRestStub(() => promise.then(() => ({ status: 'accepted' })));
  const held = fetch(`${stub.url}/api/v1/score-events`, EVENT);
  while (stub.server.inFlight() < 1) await new Promise((next) => setTimeout(next, 5));
  const closed = stub.close();
  resolve();
  const response = await held;
  assert.equal(response.status, 202);
  assert.equal(response.headers.get('connection'), 'close');
  await closed;
  await assert.rejects(fetch(`${stub.url}/livez`));
});

test('a busy port is refused, and another can be tried', async () => {
  const first = await startRestStub(() => ({}));
  const second = await startRestStub(() => ({}));
  await second.close();
  const { createHttpServer } = await import('./http-server.ts');
  const server = createHttpServer({
    services: [],
    invoke: () => Promise.reject(new Error('nothing is called')),
    clock: { now: () => new Date(), monotonicMs: () => 0, sleep: () => Promise.resolve() },
    log: { debug() {}, info() {}, warn() {}, error() {}, line() {} },
    health: { name: 'tradepost', version: '1', check: () => ({}) },
  });
  await assert.rejects(server.listen({ host: '127.0.0.1', port: first.port }), { code: 'EADDRINUSE' });
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  assert.equal((await fetch(`http://127.0.0.1:${port}/livez`)).status, 200);
  await server.close();
  await first.close();
});

test('health tells of every service, and fails with its database', async () => {
  let ok = true;
  const service = () => ({ state: 'serving' as const, checks: { database: { ok, detail: 'connection refused' } } });
  const health = { name: 'tradepost', version: '1.2.3', check: () => ({ user: service() }) };
  const stub = await startRestStub(() => ({}), { health });
  const read = async (path: string) => {
    const response = await fetch(stub.url + path);
    return [response.status, await response.json()];
  };
  const up = { status: 'healthy', state: 'serving', checks: { database: { status: 'up' } } };
  const healthy = { status: 'healthy', service: 'tradepost', version: '1.2.3', services: { user: up } };
  for (const path of ['/health', '/_health', '/health-check']) assert.deepEqual(await read(path), [200, healthy]);
  assert.deepEqual(await read('/healthcheck'), [200, 'OK v1.2.3']);
  for (const path of ['/readyz', '/health-check/readiness'])
    assert.deepEqual(await read(path), [200, { status: 'ready' }]);
  ok = false;
  const [status, body] = await read('/health');
  assert.deepEqual([status, (body as { status: string }).status], [503, 'unhealthy']);
  assert.deepEqual(await read('/readyz'), [503, { status: 'not_ready', waiting_for: ['user'] }]);
  for (const path of ['/livez', '/health-check/liveness'])
    assert.deepEqual(await read(path), [200, { status: 'alive' }]);
  assert.equal((await read('/healthcheck'))[0], 503);
  await stub.close();
});

test('metrics are those of the registry that is given', async () => {
  const metrics = { contentType: 'text/plain; version=0.0.4', metrics: () => Promise.resolve('up 1\n') };
  const stub = await startRestStub(() => ({}), { metrics });
  const response = await fetch(`${stub.url}/metrics`);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4');
  assert.equal(await response.text(), 'up 1\n');
  await stub.close();
});

test('pages of an allowed origin may read answers, others may not', async () => {
  const stub = await startRestStub(() => ({ user: { id: 1n } }), { corsOrigins: ['https://shop.example'] });
  const from = (origin: string) => fetch(`${stub.url}/users/1`, { headers: { origin } });
  assert.equal((await from('https://shop.example')).headers.get('access-control-allow-origin'), 'https://shop.example');
  assert.equal((await from('https://evil.example')).headers.get('access-control-allow-origin'), null);
  await stub.close();
});

test('what a caller accepts decides between JSON and 406', () => {
  const yes = [undefined, '', '*/*', 'application/json', 'text/html, */*;q=0.1', 'application/*', 'APPLICATION/JSON'];
  const no = ['text/html', 'application/json;q=0', '*/*, application/json;q=0', 'application/xml, text/*'];
  assert.deepEqual([...yes, ...no].map(acceptsJson), [...yes.map(() => true), ...no.map(() => false)]);
});

test('a trace context is taken over only in the form of the standard', () => {
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';
  const taken = (traceparent: string) => requestIdsOf({ traceparent }).traceId === id;
  assert.equal(taken(`00-${id}-00f067aa0ba902b7-01`), true);
  assert.equal(taken(`01-${id}-00f067aa0ba902b7-01-more`), true);
  assert.equal(taken(`00-${id}-00f067aa0ba902b7-01-more`), false);
  assert.equal(taken(`ff-${id}-00f067aa0ba902b7-01`), false);
  assert.equal(taken(`00-${id}-0000000000000000-01`), false);
  assert.equal(taken(`00-${id.toUpperCase()}-00f067aa0ba902b7-01`), false);
});
