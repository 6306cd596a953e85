import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSeed } from './seed-person.ts';

test('a seed is an id, a name and an address', () => {
  const seed = parseSeed(' 42 Ada Lovelace <ada@example.com>');
  assert.deepEqual([seed?.id, seed?.fields.name, seed?.fields.email], [42n, 'Ada Lovelace', 'ada@example.com']);
});

test('anything else is no seed', () => {
  for (const line of [
    'Ada <ada@example.com>',
    '0 Ada <ada@example.com>',
    '42 <ada@example.com>',
    '42 Ada',
    '42 Ada <ada>',
  ])
    assert.equal(parseSeed(line), undefined, line);
});
