import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { type RestStub, startRestStub } from '../testing/rest-stub.ts';

let stub: RestStub;

before(async () => {
  stub = await startRestStub(() => ({ status: 'accepted', eventId: 7n }), {
    limits: { headersTimeoutMs: 1000, requestTimeoutMs: 1500 },
  });
});
after(() => stub.close());
beforeEach(() => {
  stub.calls.length = 0;
});

const PATH = '/api/v1/score-events';

async function refused(
  body: string | Uint8Array<ArrayBuffer> | undefined,
  headers: Record<string, string> = {},
  path = PATH,
) {
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
  const response = await fetch(stub.url + path, body === undefined ? init : { ...init, body });
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  const problem = (await response.json()) as {
    status: number;
    code: string;
    errors?: { pointer: string; code: string }[];
  };
  assert.equal(problem.status, response.status);
  assert.equal((response.headers.get('x-request-id') ?? '').length > 0, true);
  assert.deepEqual(stub.calls, []);
  const faults = (problem.errors ?? []).map(({ pointer, code }) => `${pointer}:${code}`);
  return `${problem.status} ${problem.code} ${faults}`.trim();
}

/** Sends bytes as they are. @returns all that is answered until the connection ends. */
function exchange(...parts: (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(stub.port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part);
    });
    let text = '';
    socket.setTimeout(8000, () => socket.destroy(new Error('no end of the answer')));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

const EVENT = '{"user_id":42,"new_score":730,"change":15}';

for (const [name, body, expected] of [
  ['malformed JSON', '{"user_id":', '400 malformed_body :malformed_json'],
  ['wrong types', '{"user_id":{},"new_score":"x"}', '400 invalid_request /user_id:wrong_type,/new_score:wrong_type'],
  ['unknown fields', '{"userId":1}', '400 invalid_request /userId:unknown_field'],
  ['a number past 2^63', '{"user_id":9223372036854775808}', '400 invalid_request /user_id:out_of_range'],
  ['a change past int32', '{"change":2147483648}', '400 invalid_request /change:out_of_range'],
  ['a fraction', '{"change":1.5}', '400 invalid_request /change:not_an_integer'],
  ['an array', '[]', '400 invalid_request :wrong_type'],
  ['a null', '{"change":null}', '400 invalid_request /change:wrong_type'],
  ['a field twice', '{"change":1,"change":2}', '400 invalid_request /change:duplicate_field'],
  ['a prototype', '{"__proto__":{"x":1}}', '400 invalid_request /__proto__:unknown_field'],
  ['deep nesting', `{"x":${'['.repeat(20_000)}`, '400 malformed_body :too_deep'],
  ['an empty body', '', '400 empty_body'],
  ['white space', ' \n', '400 malformed_body :malformed_json'],
  ['a body of 2 MiB', 'x'.repeat(2 * 1024 * 1024), '413 body_too_large'],
  ['a body just above the limit', ' '.repeat(64 * 1024 + 1), '413 body_too_large'],
] as const) {
  test(`${name} is refused`, async () => {
    assert.equal(await refused(body), expected);
  });
}

test('invalid UTF-8 is refused', async () => {
  assert.equal(await refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), '400 malformed_body :invalid_utf8');
});

test('a request without a body at all is refused', async () => {
  assert.equal(await refused(undefined), '400 empty_body');
});

test('an id past 2^53 arrives exactly', async () => {
  const body = '{"user_id":9007199254740993,"new_score":0,"change":0}';
  const response = await fetch(stub.url + PATH, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(response.status, 202);
  assert.equal(stub.calls[0]?.request['userId'], 9_007_199_254_740_993n);
});

test('other media types, charsets and encodings are refused', async () => {
  const types = ['text/plain', 'application/xml', 'application/json; charset=latin1', 'x', 'multipart/form-data'];
  for (const type of types)
    assert.equal(await refused(EVENT, { 'content-type': type }), '415 unsupported_media_type', type);
  assert.equal(await refused(EVENT, { 'content-encoding': 'gzip' }), '415 unsupported_media_type');
  assert.equal(await refused(EVENT, { accept: 'text/html' }), '406 not_acceptable');
  assert.equal(await refused(EVENT, { accept: 'application/json;q=0' }), '406 not_acceptable');
});

test('a charset of UTF-8 and a list of types that holds JSON are taken', async () => {
  const headers = { 'content-type': 'Application/JSON; charset="UTF-8"', accept: 'text/html, application/*;q=0.5' };
  assert.equal((await fetch(stub.url + PATH, { method: 'POST', body: EVENT, headers })).status, 202);
});

test('hostile idempotency keys are refused', async () => {
  const keys = ['x'.repeat(256), 'a b', 'é', 'a\tb', ''];
  for (const key of keys) {
    assert.equal(
      await refused(EVENT, { 'idempotency-key': key }),
      '400 invalid_idempotency_key Idempotency-Key:invalid_idempotency_key',
      JSON.stringify(key.slice(0, 10)),
    );
  }
});

test('unknown routes are 404, wrong methods 405 with what is allowed', async () => {
  assert.equal(await refused(EVENT, {}, '/api/v1/nothing'), '404 route_not_found');
  assert.equal(await refused(EVENT, {}, `${PATH}/`), '404 route_not_found');
  assert.equal(await refused(EVENT, {}, PATH.toUpperCase()), '404 route_not_found');
  assert.equal(await refused(EVENT, {}, '/health'), '405 method_not_allowed');
  const response = await fetch(stub.url + PATH, { method: 'PUT', body: EVENT });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get('allow'), 'POST, GET, HEAD, OPTIONS');
  for (const method of ['QUERY', 'PROPFIND', 'TRACE']) {
    const text = await exchange(`${method} /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 405 .*allow: GET, HEAD, OPTIONS\r\n/s, method);
  }
});

test('strange paths and queries are refused', async () => {
  for (const [path, status, code] of [
    ['/api/v1/users/%ff', 400, 'malformed_url'],
    ['/api/v1/users/%', 400, 'malformed_url'],
    ['/api/v1/users?limit=%zz', 400, 'malformed_url'],
    ['/api/v1/users/..%2f..%2fetc', 400, 'invalid_request'],
    [`/api/v1/users/${'1'.repeat(3000)}`, 400, 'invalid_request'],
    ['/api/v1/users/0x10', 400, 'invalid_request'],
    ['/api/v1/users/1e3', 400, 'invalid_request'],
    ['/api/v1/users/%201', 400, 'invalid_request'],
    ['/api/v1/users/007', 400, 'invalid_request'],
    ['/api/v1/users/', 400, 'invalid_request'],
    ['/api/v1/users?limit=', 400, 'invalid_request'],
    ['/api/v1/users?limit=1.5', 400, 'invalid_request'],
    ['/api/v1/users?limit=9999999999', 400, 'invalid_request'],
    ['/api/v1/users?__proto__=1&constructor=2', 400, 'invalid_request'],
    [`/api/v1/users?${'a=1&'.repeat(2000)}`, 400, 'invalid_request'],
    ['//api//v1//users', 404, 'route_not_found'],
  ] as const) {
    const response = await fetch(stub.url + path);
    assert.equal(response.status, status, path.slice(0, 60));
    assert.equal(((await response.json()) as { code: string }).code, code, path.slice(0, 60));
  }
  assert.deepEqual(stub.calls, []);
});

test('a body where none belongs is refused', async () => {
  const init = { method: 'DELETE', body: '{}', headers: { 'content-type': 'application/json' } };
  const response = await fetch(`${stub.url}/api/v1/users/1`, init);
  assert.equal(((await response.json()) as { code: string }).code, 'unexpected_body');
});

test('bytes that are no HTTP get a problem and an end', async () => {
  const text = await exchange('\x16\x03\x01\x02\x00\x01\x00\r\n\r\n');
  assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(text, /"code":"malformed_request"/);
});

test('headers that are too large get a problem', async () => {
  const text = await exchange(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(64 * 1024)}\r\n\r\n`);
  assert.match(text, /^HTTP\/1\.1 431 /);
  assert.match(text, /"code":"headers_too_large"/);
});

test('a caller who is too slow with headers or body is cut', async () => {
  const headers = exchange('GET /health HTTP/1.1\r\nHost: x\r\n');
  const body = exchange(
    `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
  );
  assert.match(await headers, /^HTTP\/1\.1 408 .*"code":"request_timeout"/s);
  assert.match(await body, /^HTTP\/1\.1 408 .*"code":"request_timeout"/s);
  assert.deepEqual(stub.calls, []);
});

test('a chunked body that outgrows the limit is refused on the way', async () => {
  const chunk = `1000\r\n${' '.repeat(4096)}\r\n`;
  const type = 'Content-Type: application/json';
  const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\n${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const text = await exchange(head, ...Array.from({ length: 17 }, () => chunk));
  assert.match(text, /^HTTP\/1\.1 413 .*"code":"body_too_large"/s);
});

test('a caller who goes away in the middle leaves nothing behind', async () => {
  await new Promise<void>((resolve) => {
    const socket = connect(stub.port, '127.0.0.1', () => {
      const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`;
      socket.write(head, () => setTimeout(() => socket.destroy(), 50));
    });
    socket.on('close', () => setTimeout(resolve, 50));
  });
  assert.deepEqual(stub.calls, []);
  assert.equal(stub.server.inFlight(), 0);
});

test('a smuggled length is refused', async () => {
  const text = await exchange(
    `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  );
  assert.match(text, /^HTTP\/1\.1 400 /);
});

test('no input was a bug of ours', () => {
  assert.deepEqual(stub.bugs, []);
});
