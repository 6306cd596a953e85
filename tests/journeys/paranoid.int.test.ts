// With `TRADEPOST_PARANOID=1` a local call behaves like one over a bad network: copied byte by byte, late, and now and
// then refused as unavailable. What a service forgot to handle shows here.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

test('the journey from a score event to the mail holds when local calls are as bad as remote ones', async () => {
  const journey = fileURLToPath(new URL('./paranoid-journey.ts', import.meta.url));
  const env = { ...process.env, TRADEPOST_PARANOID: '1' };
  const { stdout } = await promisify(execFile)(process.execPath, [journey], { env, timeout: 60_000 });
  assert.equal(stdout.trim().split('\n').at(-1), '10 people, 140 notifications, 40 mails');
});
