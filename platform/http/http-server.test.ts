import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Refusal } from '../errors/index.ts';
import { type Answer, type RestStub, startRestStub } from '../testing/rest-stub.ts';

let stub: RestStub;
let answer: Answer = () => ({});
const ada = { id: 42n, name: 'Ada', email: 'ada@example.com', revision: 3n };

before(async () => {
  stub = await startRestStub(
    (call) => answer(call),
    {},
    (call) => call.facts.meta.idempotencyKey === 'again',
  );
});
after(() => stub.close());
beforeEach(() => {
  stub.calls.length = 0;
  answer = () => ({ user: ada });
});

const JSON_TYPE = { 'content-type': 'application/json' };

function call(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(stub.url + path, init);
}

function send(method: string, path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return call(path, { method, body, headers: { ...JSON_TYPE, ...headers } });
}

async function problem(response: Promise<Response>) {
  const got = await response;
  assert.equal(got.headers.get('content-type'), 'application/problem+json');
  return (await got.json()) as {
    status: number;
    code: string;
    detail: string;
    request_id: string;
    trace_id: string;
    instance: string;
    errors?: { pointer: string; code: string; detail: string }[];
  };
}

test('a path variable reaches the request, the response field is the body', async () => {
  const response = await call('/api/v1/users/42');
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'application/json');
  const body = await response.text();
  assert.equal(body.startsWith('{"id":42,"name":"Ada","first_name":""'), true);
  assert.deepEqual(
    stub.calls.map(({ method, request }) => ({ method, request })),
    [{ method: 'GetUser', request: { id: 42n } }],
  );
});

test('an additional binding serves the same method', async () => {
  assert.equal((await call('/users/42')).status, 200);
  assert.equal((await send('POST', '/users', '{"name":"Ada","email":"ada@example.com"}')).status, 201);
  assert.deepEqual(
    stub.calls.map(({ method }) => method),
    ['GetUser', 'CreateUser'],
  );
});

test('a creation answers with its status, where it is and its tag', async () => {
  const response = await send('POST', '/api/v1/users', '{"name":"Ada","email":"ada@example.com"}');
  assert.equal(response.status, 201);
  assert.equal(response.headers.get('location'), '/api/v1/users/42');
  assert.equal(response.headers.get('etag'), '"3"');
});

test('an accepted score event answers 202 with exactly what is documented', async () => {
  answer = () => ({ status: 'accepted', eventId: 7n });
  const response = await send('POST', '/api/v1/score-events', '{"user_id":"42","new_score":730,"change":15}');
  assert.equal(response.status, 202);
  assert.equal(await response.text(), '{"status":"accepted","event_id":7}');
  assert.deepEqual(stub.calls[0]?.request, { userId: 42n, newScore: 730, change: 15 });
});

test('a custom verb is a route of its own', async () => {
  answer = () => ({ results: [] });
  const response = await send('POST', '/api/v1/score-events:batch', '{"items":[]}');
  assert.equal(await response.text(), '{"results":[]}');
  assert.equal((await call('/api/v1/score-events:other')).status, 404);
});

test('an empty answer is 204 without a body', async () => {
  const response = await call('/api/v1/users/42', { method: 'DELETE' });
  assert.equal(response.status, 204);
  assert.equal(await response.text(), '');
});

test('query parameters reach their fields, and a page is a bare array with a link to the next', async () => {
  answer = () => ({ data: [ada], nextCursor: 'n+1', hasMore: true });
  const response = await call('/api/v1/notifications?user_id=42&limit=5&cursor=a%20b');
  assert.deepEqual(stub.calls[0]?.request, { userId: 42n, limit: 5, cursor: 'a b' });
  assert.equal(Array.isArray(await response.json()), true);
  const link = '</api/v1/notifications?user_id=42&limit=5&cursor=n%2B1>; rel="next"';
  assert.equal(response.headers.get('link'), link);
  answer = () => ({ data: [], nextCursor: '', hasMore: false });
  assert.equal((await call('/api/v1/notifications')).headers.get('link'), null);
});

test('a page without a response field is the whole message', async () => {
  answer = () => ({ data: [], nextCursor: 'x', hasMore: true });
  const response = await call('/api/v1/score-events?user_id=1');
  assert.equal(await response.text(), '{"data":[],"next_cursor":"x","has_more":true}');
});

test('faults of path and query are told together, with their place', async () => {
  const { status, code, errors } = await problem(call('/api/v1/users/4x2?limit=1'));
  assert.equal(status, 400);
  assert.equal(code, 'invalid_request');
  assert.deepEqual(
    errors?.map((fault) => `${fault.pointer} ${fault.code}`),
    ['{id} not_an_integer', '?limit unknown_parameter'],
  );
  const query = await problem(call('/api/v1/users?limit=1&limit=2&cursor=%00&Limit=3'));
  assert.deepEqual(
    query.errors?.map((fault) => `${fault.pointer} ${fault.code}`),
    ['?limit duplicate_parameter', '?cursor invalid_text', '?Limit unknown_parameter'],
  );
});

test('faults of a service point to where the caller wrote the value', async () => {
  const fault = (pointer: string) => ({ pointer, code: 'x', detail: 'y' });
  answer = () => {
    const errors = [fault('/id'), fault('/name')];
    throw new Refusal('invalid_request', 'INVALID_ARGUMENT', 'Invalid request', 'No.', { errors });
  };
  const put = await problem(send('PUT', '/api/v1/users/0', '{"name":""}'));
  assert.deepEqual(
    put.errors?.map(({ pointer }) => pointer),
    ['{id}', '/name'],
  );
  answer = () => {
    throw new Refusal('invalid_request', 'INVALID_ARGUMENT', 'Invalid request', 'No.', { errors: [fault('/limit')] });
  };
  const list = await problem(call('/api/v1/users?limit=999'));
  assert.deepEqual(
    list.errors?.map(({ pointer }) => pointer),
    ['?limit'],
  );
});

test('a refusal keeps its code, its status and its facts', async () => {
  answer = () => {
    const metadata = { available: '3' };
    throw new Refusal('user_not_found', 'NOT_FOUND', 'Person not found', 'There is no person 42.', { metadata });
  };
  const response = await call('/api/v1/users/42', { headers: { 'x-request-id': 'req-1', 'x-correlation-id': 'c-1' } });
  const traceparent = response.headers.get('traceparent') ?? '';
  assert.deepEqual(await response.json(), {
    type: 'urn:tradepost:problem:user_not_found',
    title: 'Person not found',
    status: 404,
    detail: 'There is no person 42.',
    instance: '/api/v1/users/42',
    code: 'user_not_found',
    request_id: 'req-1',
    trace_id: traceparent.slice(3, 35),
    metadata: { available: '3' },
  });
});

test('a bug tells nothing of the inside, and is logged with its cause', async () => {
  answer = () => {
    throw new TypeError('password=hunter2');
  };
  const response = await call('/api/v1/users/42');
  const text = await response.text();
  assert.equal(response.status, 500);
  assert.equal(text.includes('hunter2'), false);
  assert.equal(JSON.parse(text).code, 'internal');
  const logged = stub.bugs.at(-1) as { error: Error; request_id: string };
  assert.equal(logged.error.message, 'password=hunter2');
  assert.equal(logged.request_id, response.headers.get('x-request-id'));
});

test('sane ids of the caller are taken over, others are replaced', async () => {
  const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const kept = await call('/api/v1/users/42', {
    headers: { 'x-request-id': 'abc-1', 'x-correlation-id': 'order:7', traceparent: trace },
  });
  assert.equal(kept.headers.get('x-request-id'), 'abc-1');
  assert.equal(kept.headers.get('x-correlation-id'), 'order:7');
  assert.equal(kept.headers.get('traceparent'), trace);
  const { meta } = stub.calls[0]?.facts ?? {};
  assert.deepEqual([meta?.requestId, meta?.correlationId, meta?.traceparent], ['abc-1', 'order:7', trace]);
  const made = await call('/api/v1/users/42', {
    headers: { 'x-request-id': 'a b', 'x-correlation-id': 'x'.repeat(200), traceparent: trace.replace('4bf9', 'GGGG') },
  });
  const id = made.headers.get('x-request-id') ?? '';
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.equal(made.headers.get('x-correlation-id'), id);
  assert.match(made.headers.get('traceparent') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});

test('a read has a tag, and 304 when the caller has that state', async () => {
  const tag = (await call('/api/v1/users/42')).headers.get('etag') ?? '';
  assert.equal(tag, '"3"');
  for (const header of ['"3"', 'W/"3"', '"1", "3"', '*']) {
    const response = await call('/api/v1/users/42', { headers: { 'if-none-match': header } });
    assert.equal(response.status, 304, header);
    assert.equal(response.headers.get('etag'), tag);
  }
  assert.equal((await call('/api/v1/users/42', { headers: { 'if-none-match': '"4"' } })).status, 200);
});

test('a thing without a revision has the digest of its bytes for a tag', async () => {
  answer = () => ({ score: { userId: 42n, events: 1n } });
  const first = await call('/api/v1/users/42/score');
  const tag = first.headers.get('etag') ?? '';
  assert.match(tag, /^"[\w-]{22}"$/);
  assert.equal((await call('/api/v1/users/42/score', { headers: { 'if-none-match': tag } })).status, 304);
  answer = () => ({ score: { userId: 42n, events: 2n } });
  assert.notEqual((await call('/api/v1/users/42/score')).headers.get('etag'), tag);
});

test('If-Match becomes the revision that the request asks for', async () => {
  await send('PUT', '/api/v1/users/42', '{"name":"Ada"}', { 'if-match': '"3"' });
  assert.equal(stub.calls[0]?.request['revision'], 3n);
  await send('PATCH', '/api/v1/users/42', '{"name":"Ada"}', { 'if-match': '*' });
  assert.equal(stub.calls[1]?.request['revision'], 0n);
  for (const header of ['"other"', 'W/"3"', '"99999999999999999999"', '3']) {
    await send('PUT', '/api/v1/users/42', '{"name":"Ada"}', { 'if-match': header });
    assert.equal(stub.calls.at(-1)?.request['revision'], 2n ** 63n - 1n, header);
  }
  for (const header of ['"1", "2"', '']) {
    const refused = await problem(send('PUT', '/api/v1/users/42', '{"name":"Ada"}', { 'if-match': header }));
    assert.equal(refused.code, 'malformed_request', header);
  }
  const both = await problem(send('PUT', '/api/v1/users/42', '{"revision":2}', { 'if-match': '"3"' }));
  assert.equal(both.status, 412);
  answer = () => {
    throw new Refusal('revision_mismatch', 'ABORTED', 'Changed meanwhile', 'It has revision 4.');
  };
  const lost = await problem(send('PUT', '/api/v1/users/42', '{"name":"Ada"}', { 'if-match': '"3"' }));
  assert.equal(lost.status, 412);
});

test('an idempotency key reaches the service, and a replay is marked', async () => {
  const body = '{"name":"Ada","email":"ada@example.com"}';
  const first = await send('POST', '/users', body, { 'idempotency-key': 'once' });
  assert.equal(stub.calls[0]?.facts.meta.idempotencyKey, 'once');
  assert.equal(first.headers.get('idempotent-replayed'), null);
  const again = await send('POST', '/users', body, { 'idempotency-key': 'again' });
  assert.equal(again.headers.get('idempotent-replayed'), 'true');
});

test('the id in a body must be that of the path', async () => {
  assert.equal((await send('PUT', '/api/v1/users/42', '{"id":42,"name":"Ada"}')).status, 200);
  const { errors } = await problem(send('PUT', '/api/v1/users/42', '{"id":41,"name":"Ada"}'));
  assert.deepEqual(
    errors?.map((fault) => `${fault.pointer} ${fault.code}`),
    ['/id path_mismatch'],
  );
});

test('HEAD answers like GET without the body, OPTIONS names the methods', async () => {
  const head = await call('/api/v1/users/42', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.headers.get('etag'), '"3"');
  assert.equal(await head.text(), '');
  const options = await call('/api/v1/users/42', { method: 'OPTIONS' });
  assert.equal(options.status, 204);
  assert.equal(options.headers.get('allow'), 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS');
  assert.equal(options.headers.get('access-control-allow-origin'), null);
});

test('every answer is observed once, with its route and nothing of its query', async () => {
  stub.handled.length = 0;
  await call('/api/v1/users/42?secret=1');
  await call('/nowhere');
  assert.deepEqual(
    stub.handled.map(({ httpMethod, route, path, status, code }) => ({ httpMethod, route, path, status, code })),
    [
      {
        httpMethod: 'GET',
        route: '/api/v1/users/{id}',
        path: '/api/v1/users/42',
        status: 400,
        code: 'invalid_request',
      },
      { httpMethod: 'GET', route: 'unmatched', path: '/nowhere', status: 404, code: 'route_not_found' },
    ],
  );
  assert.equal(stub.server.inFlight(), 0);
});
