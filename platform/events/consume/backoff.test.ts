import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delayAfter, PARKED_BACKOFF } from './backoff.ts';

test('delays grow by the factor up to the longest', () => {
  const delays = [1, 2, 3, 4, 20, 1_000].map((failures) => delayAfter(PARKED_BACKOFF, failures, 0));
  assert.deepEqual(delays, [1_000, 3_000, 9_000, 27_000, 900_000, 900_000]);
});

test('jitter lengthens a delay by at most its share, and never shortens it', () => {
  assert.equal(delayAfter(PARKED_BACKOFF, 1, 0.5), 1_100);
  assert.equal(delayAfter(PARKED_BACKOFF, 1, 0.999), 1_200);
  assert.equal(delayAfter(PARKED_BACKOFF, 0, 0), 1_000);
});
