import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseScoreLine } from './import-scores.ts';
import { feedName, lineKey } from './line-key.ts';
import { retrying } from './retry.ts';

const parse = (text: string) => parseScoreLine('feed', 1, text);

test('a good line becomes an event with a key of its own, or with the one it brings', () => {
  const text = '{"user_id":42,"new_score":730,"change":-15}';
  const parsed = parse(text);
  assert.ok('event' in parsed);
  assert.deepEqual([parsed.event.userId, parsed.event.newScore, parsed.event.change], [42n, 730, -15]);
  assert.equal(parsed.key, lineKey('feed', 1, text));
  const keyed = parse('{"idempotency_key":"mine","user_id":"42","new_score":730,"change":15}');
  assert.ok('event' in keyed);
  assert.deepEqual([keyed.key, keyed.event.userId], ['mine', 42n]);
});

test('a broken line says what is wrong with it', () => {
  const faults = [
    '{"user_id":17,',
    '[1]',
    '{"user_id":17,"chnge":15}',
    '{"idempotency_key":7,"user_id":17}',
    '{"user_id":17,"change":3000000000}',
  ].map((text) => parse(text).fault ?? 'no fault');
  assert.match(faults[0] ?? '', /^not JSON: /);
  assert.equal(faults[1], 'not a JSON object');
  assert.match(faults[2] ?? '', /^\/chnge: /);
  assert.equal(faults[3], '/idempotency_key: must be text of 1 to 255 characters');
  assert.match(faults[4] ?? '', /^\/change: /);
});

test('the key of a line depends on the feed, its number and its text, and not on the folder', () => {
  assert.equal(feedName('/a/b/feed.ndjson', undefined), feedName('feed.ndjson', undefined));
  assert.notEqual(lineKey('feed', 1, 'x'), lineKey('feed', 2, 'x'));
  assert.notEqual(lineKey('feed', 1, 'x'), lineKey('feed', 1, 'y'));
  assert.equal(lineKey('feed', 1, 'x').length <= 255, true);
});

test('the example feed breaks where its description says', () => {
  const lines = readFileSync(new URL('../../examples/score-feed.ndjson', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  const broken = lines.flatMap((text, index) => (parse(text).fault === undefined ? [] : [index + 1]));
  assert.equal(lines.length, 1000);
  assert.deepEqual(broken, [100, 200, 300, 400, 500]);
});

test('a passing fault is tried again, any other is not, and patience ends', async () => {
  const failing = (status: string, times: number) => {
    let calls = 0;
    return async () => {
      calls += 1;
      if (calls <= times) throw Object.assign(new Error('no'), { status });
      return calls;
    };
  };
  assert.equal(await retrying(failing('UNAVAILABLE', 2), { firstDelayMs: 1 }), 3);
  await assert.rejects(retrying(failing('INVALID_ARGUMENT', 1), { firstDelayMs: 1 }), /no/);
  const patience = { firstDelayMs: 1, patienceMs: 5 };
  await assert.rejects(retrying(failing('UNAVAILABLE', 1000), patience), { code: 'gave_up', exitCode: 4 });
});
