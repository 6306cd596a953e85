import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOutageDetector } from './outage.ts';

const keys = ['a', 'b', 'c', 'd', 'e'];

test('five different keys that fail alike, with no success between, are an outage', () => {
  const detector = createOutageDetector();
  assert.deepEqual(
    keys.map((key) => detector.failed(key, 'f')),
    [false, false, false, false, true],
  );
});

test('one key that fails again and again is poison', () => {
  const detector = createOutageDetector();
  assert.deepEqual(
    keys.map(() => detector.failed('a', 'f')),
    [false, false, false, false, false],
  );
});

test('a success between, or another kind of failure, begins the count anew', () => {
  const detector = createOutageDetector();
  for (const key of keys.slice(0, 4)) detector.failed(key, 'f');
  detector.succeeded();
  assert.equal(detector.failed('e', 'f'), false);
  for (const key of keys.slice(0, 3)) detector.failed(key, 'f');
  assert.equal(detector.failed('d', 'g'), false);
});
