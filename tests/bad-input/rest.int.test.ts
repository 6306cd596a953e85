// Bad input over HTTP against a started system: each case gets its documented problem, never a 500, and leaves nothing.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningSystem, startSystem } from '../running-system.ts';
import { countRows } from './stored-rows.ts';

let system: RunningSystem;
let rowsBefore: Record<string, number>;

before(async () => {
  system = await startSystem({ env: { LOG_LEVEL: 'error', API_KEY: 'feed-secret' } });
  assert.equal((await send('POST', '/api/v1/users', '{"name":"Ada","email":"ada@example.com"}')).status, 201);
  await sleep(300);
  rowsBefore = await countRows(system);
});
after(() => system?.close());

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the answer holds, for assertions.
  readonly json: any;
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** Not by fetch, which would mend what is broken on purpose. */
function send(
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = body === undefined ? {} : JSON_TYPE,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const all = { 'x-api-key': 'feed-secret', ...headers };
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const asked = request(system.url + path, { method, headers: { ...length, ...all } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const type = answer.headers['content-type'] ?? '';
        const json = type.includes('json') && text !== '' ? JSON.parse(text) : undefined;
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function refused(...given: Parameters<typeof send>): Promise<string> {
  const { status, headers, json } = await send(...given);
  assert.equal(headers['content-type'], 'application/problem+json', JSON.stringify(json));
  assert.deepEqual([json.status, json.request_id], [status, headers['x-request-id']]);
  for (const part of ['type', 'title', 'detail', 'instance', 'code']) assert.equal(typeof json[part], 'string', part);
  const pointers = ((json.errors ?? []) as { pointer: string }[]).map(({ pointer }) => pointer);
  return [status, json.code, ...pointers].join(' ');
}

const EVENTS = '/api/v1/score-events';
const USERS = '/api/v1/users';

const bodies: readonly (readonly [string, string, string | Buffer, string])[] = [
  ['malformed JSON', EVENTS, '{"user_id":1,', '400 malformed_body '],
  ['no JSON at all', EVENTS, 'user_id=1', '400 malformed_body '],
  ['an array', EVENTS, '[]', '400 invalid_request '],
  ['null', EVENTS, 'null', '400 invalid_request '],
  [
    'wrong types',
    EVENTS,
    '{"user_id":{},"new_score":[],"change":true}',
    '400 invalid_request /user_id /new_score /change',
  ],
  ['an unknown field', EVENTS, '{"user_id":1,"new_score":1,"change":1,"extra":1}', '400 invalid_request /extra'],
  ['another case', EVENTS, '{"User_Id":1,"new_score":1,"change":1}', '400 invalid_request /User_Id'],
  ['an id of zero', EVENTS, '{"user_id":0,"new_score":1,"change":1}', '400 invalid_request /user_id'],
  ['a negative id', EVENTS, '{"user_id":-1,"new_score":1,"change":1}', '400 invalid_request /user_id'],
  ['no id', EVENTS, '{"new_score":1,"change":1}', '400 invalid_request /user_id'],
  ['a negative score', EVENTS, '{"user_id":1,"new_score":-1,"change":1}', '400 invalid_request /new_score'],
  ['an id as text that is none', EVENTS, '{"user_id":"1x","new_score":1,"change":1}', '400 invalid_request /user_id'],
  ['an id in hexadecimal', EVENTS, '{"user_id":"0x1","new_score":1,"change":1}', '400 invalid_request /user_id'],
  ['an id with a space', EVENTS, '{"user_id":" 1","new_score":1,"change":1}', '400 invalid_request /user_id'],
  [
    'an id past 2^63',
    EVENTS,
    '{"user_id":9223372036854775808,"new_score":1,"change":1}',
    '400 invalid_request /user_id',
  ],
  ['an id past 2^53 of nobody', EVENTS, '{"user_id":9007199254740993,"new_score":1,"change":1}', '404 user_not_found'],
  ['the largest id', EVENTS, '{"user_id":"9223372036854775807","new_score":1,"change":1}', '404 user_not_found'],
  ['a change past int32', EVENTS, '{"user_id":1,"new_score":1,"change":2147483648}', '400 invalid_request /change'],
  ['a change far past int32', EVENTS, '{"user_id":1,"new_score":1,"change":1e400}', '400 invalid_request /change'],
  ['a fraction', EVENTS, '{"user_id":1,"new_score":1,"change":1.5}', '400 invalid_request /change'],
  ['a field twice', EVENTS, '{"user_id":1,"user_id":1,"new_score":1,"change":1}', '400 invalid_request /user_id'],
  ['deep nesting', EVENTS, `{"user_id":${'['.repeat(30_000)}`, '400 malformed_body '],
  ['deep objects', EVENTS, `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, '400 malformed_body '],
  ['two megabytes', EVENTS, `{"user_id":"${'1'.repeat(2 * 1024 * 1024)}"}`, '413 body_too_large'],
  ['two megabytes in a batch', `${EVENTS}:batch`, `{"items":[${' '.repeat(2 * 1024 * 1024)}]}`, '413 body_too_large'],
  ['invalid UTF-8', USERS, Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), '400 malformed_body '],
  ['an empty body', USERS, '', '400 empty_body'],
  ['white space', USERS, '  \n', '400 malformed_body '],
  ['NUL in a name', USERS, '{"name":"A\\u0000da","email":"nul@example.com"}', '400 invalid_request /name'],
  ['NUL in an address', USERS, '{"name":"Ada","email":"a\\u0000@example.com"}', '400 invalid_request /email'],
  ['no address', USERS, '{"name":"Ada"}', '400 invalid_request /email'],
  ['no name', USERS, '{"email":"x@example.com"}', '422 name_missing /name'],
  ['a name of 201', USERS, `{"name":"${'x'.repeat(201)}","email":"x@example.com"}`, '400 invalid_request /name'],
  ['an unknown country', USERS, '{"name":"X","email":"x@example.com","country":"XX"}', '422 country_unknown /country'],
  ['a taken address', USERS, '{"name":"X","email":"ADA@example.com"}', '409 email_taken'],
  ['an id of one’s own', USERS, '{"id":7,"name":"X","email":"x@example.com"}', '400 invalid_request /id'],
  ['a prototype', USERS, '{"__proto__":{"name":"X"},"email":"x@example.com"}', '400 invalid_request /__proto__'],
  ['no items', `${EVENTS}:batch`, '{"items":[]}', '400 invalid_request /items'],
  ['a notification of nobody', '/api/v1/notifications', '{"user_id":999,"message":"x"}', '404 user_not_found'],
  ['an empty notification', '/api/v1/notifications', '{"user_id":1,"message":""}', '400 invalid_request /message'],
  ['NUL in a message', '/api/v1/notifications', '{"user_id":1,"message":"\\u0000"}', '400 invalid_request /message'],
  ['a mail to nobody', '/api/v1/emails', '{"subject":"x","message":"x"}', '422 recipient_missing'],
  [
    'a smuggled header',
    '/api/v1/emails',
    '{"to":"x@example.com","subject":"x\\r\\nBcc: y","message":"x"}',
    '400 invalid_request /subject',
  ],
];

for (const [name, path, body, expected] of bodies) {
  test(`${name} is refused at ${path}`, async () => {
    assert.equal(await refused('POST', path, body), expected);
  });
}

const ADDRESSES = [
  ...['plain', '@example.com', 'a@', 'a b@example.com', 'a@b@c', 'a@example..com', 'a,b@example.com', 'a@ex ample.com'],
  ...[
    '"<script>"@example.com',
    `${'a'.repeat(250)}@example.com`,
    'a@example.com\\r\\nBcc: b@example.com',
    'a\\u202e@example.com',
  ],
];
for (const address of ADDRESSES) {
  test(`${address.slice(0, 40)} is no e-mail address`, async () => {
    assert.equal(
      await refused('POST', USERS, `{"name":"X","email":"${address.replaceAll('"', '\\"')}"}`),
      '400 invalid_request /email',
    );
  });
}

const EVENT = '{"user_id":1,"new_score":700,"change":1}';

test('other media types and encodings are refused', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-16', ';', '']) {
    assert.equal(await refused('POST', EVENTS, EVENT, { 'content-type': type }), '415 unsupported_media_type', type);
  }
  const zipped = { ...JSON_TYPE, 'content-encoding': 'gzip' };
  assert.equal(await refused('POST', EVENTS, EVENT, zipped), '415 unsupported_media_type');
});

test('who sends two megabytes gets the answer every time, not a broken connection', async () => {
  const body = ' '.repeat(2 * 1024 * 1024);
  const answers = await Promise.all(Array.from({ length: 20 }, () => refused('POST', `${EVENTS}:batch`, body)));
  assert.deepEqual(new Set(answers), new Set(['413 body_too_large']));
});

test('unknown routes, wrong methods and bad paths are refused', async () => {
  assert.equal(await refused('GET', '/api/v1/nothing'), '404 route_not_found');
  assert.equal(await refused('GET', '/../../etc/passwd'), '404 route_not_found');
  const wrong = await send('PATCH', EVENTS, EVENT);
  assert.deepEqual([wrong.status, wrong.json.code], [405, 'method_not_allowed']);
  assert.match(String(wrong.headers['allow']), /GET.*HEAD|POST/);
  for (const id of ['0', '-1', 'abc', '1.5', '9223372036854775808', '%00', '1%20', '0x1']) {
    assert.match(await refused('GET', `${USERS}/${id}`), /^400 (invalid_request \{id\}|malformed_url)$/, id);
  }
  assert.equal(await refused('GET', `${USERS}/%ff`), '400 malformed_url');
  assert.equal(await refused('GET', `${USERS}/9007199254740993`), '404 user_not_found');
  for (const query of ['limit=201', 'limit=-1', 'limit=x', 'limit=1&limit=2', 'nothing=1', 'cursor=%00']) {
    assert.match(await refused('GET', `${USERS}?${query}`), /^400 \w+( \?\w+)?$/, query);
  }
  assert.equal(await refused('GET', `${USERS}?cursor=abc`), '422 invalid_cursor ?cursor');
});

test('hostile idempotency keys are refused', async () => {
  for (const key of ['x'.repeat(256), 'a b', 'a\tb', 'schlüssel', ' ']) {
    const headers = { ...JSON_TYPE, 'idempotency-key': key };
    assert.match(await refused('POST', EVENTS, EVENT, headers), /^400 invalid_idempotency_key /, key.slice(0, 20));
  }
});

test('nothing of all this was stored', async () => {
  await sleep(300);
  assert.deepEqual(await countRows(system), rowsBefore);
  assert.doesNotMatch(system.output(), /"level":"(error|fatal)"/);
});

test('one key is one effect: for another body 422, for many at once one event', async () => {
  const keyed = (key: string, body: string) => send('POST', EVENTS, body, { ...JSON_TYPE, 'idempotency-key': key });
  const first = await keyed('k1', EVENT);
  const again = await keyed('k1', EVENT);
  assert.deepEqual([first.status, again.status, again.text], [202, 202, first.text]);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  const other = await keyed('k1', EVENT.replace('"change":1', '"change":2'));
  assert.deepEqual([other.status, other.json.code], [422, 'idempotency_key_reused']);
  const crowd = await Promise.all(Array.from({ length: 30 }, () => keyed('k2', EVENT)));
  const ids = new Set(crowd.filter(({ status }) => status === 202).map(({ json }) => json.event_id as number));
  assert.equal(ids.size, 1);
  for (const { status } of crowd) assert.match(String(status), /^(202|409)$/);
  const rows = await countRows(system);
  assert.equal(rows['score.score_events'], (rowsBefore['score.score_events'] ?? 0) + 2);
});

const NAMES = [
  ...[
    "Robert'); drop table users; --",
    '<script>alert(1)</script>',
    '{{7*7}} {% include "layout" %}',
    '$' + '{7*7}',
    '%s %n \\x00',
  ],
  ...['😀 👩‍👩‍👧‍👦', 'مرحبا بالعالم', 'a\u0301\u0327\u0301'.repeat(20), '\u202eevil\u202c', 'null', '"quoted" \\ back'],
];

test('a name with control characters is refused, in words', async () => {
  for (const [n, name] of ['\u0001\u001b[31mred', 'two\nlines', 'a\ttab', 'c1\u0085'].entries()) {
    const refused = await send('POST', USERS, JSON.stringify({ name, email: `control${n}@example.com` }));
    assert.equal(refused.status, 400, refused.text);
    assert.equal(refused.json.detail, 'name must not contain control characters, line breaks among them');
  }
});

test('hostile names are kept as they are, and rendered as what they are', async () => {
  for (const [n, name] of NAMES.entries()) {
    const created = await send('POST', USERS, JSON.stringify({ name, email: `hostile${n}@example.com` }));
    assert.equal(created.status, 201, created.text);
    assert.equal(created.json.name, name);
    assert.equal((await send('GET', `${USERS}/${created.json.id}`)).json.name, name);
    const event = { user_id: created.json.id, new_score: 700, change: 15 };
    assert.equal((await send('POST', EVENTS, JSON.stringify(event))).status, 202);
  }
  for (let tries = 0; ; tries += 1) {
    const { data } = (await send('GET', '/api/v1/emails?limit=200')).json as { data: { text: string; html: string }[] };
    if (data.length === NAMES.length) {
      assert.deepEqual(data.map(({ text }) => /^Hello (.*),$/m.exec(text)?.[1]).toSorted(), NAMES.toSorted());
      for (const { html } of data) assert.doesNotMatch(html, /<script>/);
      return;
    }
    assert.equal(tries < 100, true, `${data.length} mails`);
    await sleep(50);
  }
});
