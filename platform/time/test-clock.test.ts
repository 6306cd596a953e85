import assert from 'node:assert/strict';
import test from 'node:test';
import { createTestClock } from './test-clock.ts';

test('a sleeper wakes when the clock is advanced past its time, and not before', async () => {
  const clock = createTestClock(new Date('2026-01-01T00:00:00Z'));
  let awake = false;
  const sleeping = clock.sleep(60_000).then(() => {
    awake = true;
  });
  clock.advance(30_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(awake, false);
  clock.advance(30_001);
  await sleeping;
  assert.equal(awake, true);
});

test('an aborted sleeper wakes at once, and a clock may step backwards', async () => {
  const clock = createTestClock(new Date('2026-01-01T00:00:00Z'));
  const abort = new AbortController();
  const sleeping = clock.sleep(3_600_000, abort.signal);
  abort.abort();
  await sleeping;
  clock.set(new Date('2020-01-01T00:00:00Z'));
  assert.equal(clock.now().getUTCFullYear(), 2020);
});
