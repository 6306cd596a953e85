// The documented commands of the credit-event notification platform, against a system that is started with
// `examples/systems/score.yaml`: the paths, fields, values and topics that its document shows.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RunningSystem, startSystem } from '../../running-system.ts';
import { type Ask, createAsk, eventually } from './http-client.ts';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;
let system: RunningSystem;
let ask: Ask;

before(async () => {
  system = await startSystem({ args: ['--config', 'examples/systems/score.yaml'] });
  ask = createAsk(system.url);
});
after(() => system?.close());

interface StoredNotification {
  id: number;
  user_id: number;
  message: string;
  score_change: number;
  created_at: string;
  status: string;
}

const notificationsOf = async (user: number): Promise<StoredNotification[]> =>
  (await ask('GET', `/api/v1/notifications?user_id=${user}`)).json;

/** Sends a score event and waits for the notification that follows. */
async function notificationAfter(user: number, newScore: number, change: number): Promise<StoredNotification> {
  const known = (await notificationsOf(user)).length;
  const sent = await ask('POST', '/api/v1/score-events', { user_id: user, new_score: newScore, change });
  assert.equal(sent.status, 202);
  const list = await eventually(async () => {
    const now = await notificationsOf(user);
    return now.length > known ? now : undefined;
  });
  return list[0] as StoredNotification;
}

test('the people whom the document names exist', async () => {
  for (const id of [1, 42, 123]) {
    const found = await eventually(async () => {
      const answer = await ask('GET', `/api/v1/users/${id}`);
      return answer.status === 200 ? answer : undefined;
    });
    assert.equal(found.json.id, id);
  }
});

test('a score event is accepted, with ids as numbers or strings', async () => {
  const accepted = await ask('POST', '/api/v1/score-events', '{"user_id":42,"new_score":730,"change":15}');
  assert.equal(accepted.status, 202);
  assert.match(accepted.text, /^\{"status":"accepted","event_id":\d+\}$/);
  const asText = await ask('POST', '/api/v1/score-events', '{"user_id":"42","new_score":731,"change":1}');
  assert.equal(asText.status, 202);
  assert.equal(asText.json.event_id > accepted.json.event_id, true);
});

test('a score event for nobody is 404, an impossible one is 400', async () => {
  const nobody = await ask('POST', '/api/v1/score-events', { user_id: 999_999, new_score: 730, change: 15 });
  assert.deepEqual([nobody.status, nobody.type, nobody.json.code], [404, 'application/problem+json', 'user_not_found']);
  for (const wrong of [
    { user_id: 0, new_score: 730, change: 15 },
    { user_id: -1, new_score: 730, change: 15 },
    { user_id: 42, new_score: -1, change: 15 },
    { user_id: 42, new_score: 730, change: 2 ** 31 },
    { user_id: 42, new_score: 730, change: 15, extra: 1 },
  ]) {
    const answer = await ask('POST', '/api/v1/score-events', wrong);
    assert.deepEqual([answer.status, answer.type], [400, 'application/problem+json'], JSON.stringify(wrong));
  }
  assert.equal((await ask('POST', '/api/v1/score-events', '{"user_id":42,')).status, 400);
});

test('more than ten points up is a congratulation; ten, less and falls are silent and stored', async () => {
  const loud = await notificationAfter(123, 711, 11);
  assert.equal(loud.message, 'Your score increased by 11 points!');
  for (const change of [10, 0, -5]) {
    const silent = await notificationAfter(123, 700 + change, change);
    assert.equal(silent.message, `Your score changed by ${change} points`);
    assert.deepEqual([silent.user_id, silent.score_change, silent.status], [123, change, 'not_sent']);
    assert.match(silent.created_at, RFC_3339);
  }
  const one = await ask('GET', `/api/v1/notifications/${loud.id}`);
  assert.deepEqual([one.json.id, one.json.user_id, one.json.score_change], [loud.id, 123, 11]);
});

test('what is delivered goes out on the topics with exactly the documented values', async () => {
  const { id, created_at } = await notificationAfter(1, 730, 15);
  const values = async (topic: string, key: string): Promise<string[]> => {
    const lines = await system.tradepost(
      ...['events', 'tail', '--topic', topic, '--key', key, '--backlog', '1', '--count', '1', '--output', 'ndjson'],
    );
    return lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).value as string);
  };
  assert.deepEqual(await values('score_events', '1'), ['{"user_id":1,"new_score":730,"change":15}']);
  const message = 'Your score increased by 15 points!';
  assert.deepEqual(await values('notifications', '1'), [
    `{"notification_id":${id},"user_id":1,"message":"${message}","score_change":15,"created_at":"${created_at}"}`,
  ]);
});

test('without an SMTP server the documented line is logged and the mail is in the mailbox', async () => {
  const line = /\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] Sending congratulation email to user 1: /;
  await notificationAfter(1, 745, 15);
  await eventually(async () => (line.test(system.output()) ? true : undefined));
  assert.match(system.output(), /Your score increased by 15 points!/);
  const mails = await eventually(async () => {
    const list = JSON.parse(await system.tradepost('mail', 'ls', '--user', '1', '--output', 'json'));
    const rows = (Array.isArray(list) ? list : list.data) as { to: string; text: string }[];
    return rows.length > 0 ? rows : undefined;
  });
  assert.equal(mails[0]?.to, 'ada@example.com');
  assert.match(mails[0]?.text ?? '', /Your score increased by 15 points!/);
});

test('users are created, read, listed, changed and deleted', async () => {
  const given = { name: 'Mary Somerville', email: 'mary@example.com' };
  const created = await ask('POST', '/api/v1/users', given);
  assert.equal(created.status, 201);
  const { id } = created.json;
  assert.deepEqual([created.json.name, created.json.email, created.json.revision], [given.name, given.email, 1]);
  assert.match(created.json.created_at, RFC_3339);
  assert.equal((await ask('POST', '/api/v1/users', { ...given, email: 'MARY@example.com' })).status, 409);
  assert.equal((await ask('GET', `/api/v1/users/${id}`)).text, created.text);
  const listed = await ask('GET', '/api/v1/users');
  assert.ok(Array.isArray(listed.json) && listed.json.some((user: { id: number }) => user.id === id));
  const changed = await ask('PUT', `/api/v1/users/${id}`, { name: 'Mary Fairfax Somerville' });
  assert.deepEqual(
    [changed.status, changed.json.name, changed.json.email],
    [200, 'Mary Fairfax Somerville', given.email],
  );
  assert.equal((await ask('DELETE', `/api/v1/users/${id}`)).status, 204);
  assert.equal((await ask('GET', `/api/v1/users/${id}`)).status, 404);
});

test('notifications and e-mails are created by request', async () => {
  const created = await ask('POST', '/api/v1/notifications', {
    user_id: 42,
    message: 'Welcome aboard',
    score_change: 0,
  });
  assert.equal(created.status, 201);
  assert.deepEqual([created.json.user_id, created.json.message], [42, 'Welcome aboard']);
  assert.equal((await ask('POST', '/api/v1/notifications', { user_id: 999_999, message: 'Hello' })).status, 404);
  const email = await ask('POST', '/api/v1/emails', { user_id: 42, subject: 'Hello', message: 'Good to have you.' });
  assert.deepEqual([email.status, email.json.to, email.json.subject], [202, 'grace@example.com', 'Hello']);
});

test('health and metrics answer', async () => {
  const health = await ask('GET', '/health');
  assert.deepEqual([health.status, health.json.status, health.json.service], [200, 'healthy', 'tradepost']);
  const metrics = await ask('GET', '/metrics');
  assert.equal(metrics.status, 200);
  assert.match(metrics.text, /^http_requests_total\{.*\} \d+$/m);
});
