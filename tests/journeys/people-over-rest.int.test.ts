// People over REST, by the paths of both documented systems: statuses, headers and bodies as callers see them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RunningSystem, startSystem } from '../running-system.ts';

let system: RunningSystem;

before(async () => {
  system = await startSystem({ env: { LOG_LEVEL: 'error' } });
});
after(() => system?.close());

async function ask(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const answer = await fetch(system.url + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json = text === '' ? undefined : JSON.parse(text);
  return { status: answer.status, headers: answer.headers, text, json };
}

test('a person created at /users is the same at /api/v1/users, to the byte', async () => {
  const created = await ask('POST', '/users', { first_name: 'Ada', last_name: 'Lovelace', email: 'ada@example.com' });
  assert.deepEqual(
    [created.status, created.headers.get('location'), created.headers.get('etag')],
    [201, '/users/1', '"1"'],
  );
  const { created_at, updated_at, ...rest } = created.json;
  assert.deepEqual(rest, {
    ...{ id: 1, name: 'Ada Lovelace', first_name: 'Ada', last_name: 'Lovelace', nickname: '' },
    ...{ email: 'ada@example.com', country: '', revision: 1 },
  });
  assert.equal(created_at, updated_at);
  for (const path of ['/users/1', '/api/v1/users/1']) assert.equal((await ask('GET', path)).text, created.text);
});

test('PUT and PATCH touch the fields that are present', async () => {
  const put = await ask('PUT', '/api/v1/users/1', { nickname: 'countess' });
  assert.deepEqual([put.status, put.json.nickname, put.json.name], [200, 'countess', 'Ada Lovelace']);
  const patch = await ask('PATCH', '/api/v1/users/1', { country: 'gb' });
  assert.deepEqual(
    [patch.status, patch.json.country, patch.json.nickname, patch.json.revision],
    [200, 'GB', 'countess', 3],
  );
  const masked = await ask('PATCH', '/api/v1/users/1', {
    nickname: 'ignored',
    last_name: 'King',
    update_mask: 'last_name',
  });
  assert.deepEqual([masked.status, masked.json.last_name, masked.json.nickname], [200, 'King', 'countess']);
});

test('If-Match guards changes, If-None-Match spares reads', async () => {
  const { headers } = await ask('GET', '/users/1');
  const tag = headers.get('etag') ?? '';
  assert.equal((await ask('GET', '/users/1', undefined, { 'if-none-match': tag })).status, 304);
  const stale = await ask('PUT', '/api/v1/users/1', { nickname: 'late' }, { 'if-match': '"1"' });
  assert.deepEqual([stale.status, stale.json.code], [412, 'revision_mismatch']);
  const fresh = await ask('PUT', '/api/v1/users/1', { nickname: 'first' }, { 'if-match': tag });
  assert.deepEqual([fresh.status, fresh.json.nickname], [200, 'first']);
  const unsafe = await ask('DELETE', '/api/v1/users/1', undefined, { 'if-match': tag });
  assert.deepEqual([unsafe.status, unsafe.json.code], [412, 'revision_mismatch']);
});

test('the list is a bare array that pages by Link', async () => {
  for (const n of [2, 3, 4, 5]) await ask('POST', '/users', { name: `Person ${n}`, email: `person${n}@example.com` });
  const ids: number[] = [];
  let path: string | undefined = '/users?limit=2';
  while (path !== undefined) {
    const { headers, json } = await ask('GET', path);
    assert.ok(Array.isArray(json));
    ids.push(...json.map(({ id }: { id: number }) => id));
    path = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
  }
  assert.deepEqual(ids, [1, 2, 3, 4, 5]);
});

test('a deleted person is gone, and the address is free', async () => {
  const gone = await ask('DELETE', '/api/v1/users/5');
  assert.deepEqual([gone.status, gone.text], [204, '']);
  const missing = await ask('GET', '/users/5');
  assert.deepEqual([missing.status, missing.json.code], [404, 'user_not_found']);
  assert.equal((await ask('POST', '/users', { name: 'Next', email: 'PERSON5@example.com' })).status, 201);
});

test('scores, notifications and mails of a person follow over REST', async () => {
  assert.deepEqual((await ask('GET', '/api/v1/users/2/score')).json, { user_id: 2, last_change: 0, events: 0 });
  const sent = await ask('POST', '/api/v1/score-events', { user_id: '2', new_score: 730, change: 15 });
  assert.deepEqual([sent.status, sent.json.status], [202, 'accepted']);
  const score = (await ask('GET', '/api/v1/users/2/score')).json;
  assert.deepEqual([score.score, score.last_change, score.events], [730, 15, 1]);
  for (let tries = 0; ; tries += 1) {
    const { data } = (await ask('GET', '/api/v1/emails?user_id=2')).json as { data: { status: string; to: string }[] };
    if (data[0]?.status === 'sent') {
      assert.equal(data[0].to, 'person2@example.com');
      break;
    }
    assert.equal(tries < 200, true, 'no mail was sent');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [told] = (await ask('GET', '/api/v1/notifications?user_id=2')).json as { message: string }[];
  assert.equal(told?.message, 'Your score increased by 15 points!');
});
