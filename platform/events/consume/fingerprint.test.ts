import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFailure, fingerprintOf } from './fingerprint.ts';

test('failures that differ in numbers, ids and quoted words have one fingerprint', () => {
  const one = fingerprintOf('no person 42 for "ada" in 0191a2b3-aaaa-7bbb-8ccc-0123456789ab');
  const other = fingerprintOf('no person 7 for "bob" in 0191a2b3-ffff-7bbb-8ccc-ba9876543210');
  assert.equal(one, other);
  assert.match(one, /^[0-9a-f]{16}$/);
});

test('refusals that differ in the address only have one fingerprint', () => {
  const one = fingerprintOf('Message failed: 451 4.7.1 <ada@example.com>: try again later');
  assert.equal(one, fingerprintOf('Message failed: 451 4.7.1 <bob.b@example.org>: try again later'));
  assert.equal(fingerprintOf('no mailbox ada@example.com'), fingerprintOf('no mailbox bob@example.org'));
});

test('failures of different kinds or places have different fingerprints', () => {
  assert.notEqual(fingerprintOf('no person 42'), fingerprintOf('no order 42'));
  assert.notEqual(fingerprintOf('no person', 'at one'), fingerprintOf('no person', 'at other'));
});

test('an error is described by name, code and message, with its stack', () => {
  const failure = describeFailure(Object.assign(new TypeError('bad'), { code: '23505' }));
  assert.equal(failure.error, 'TypeError (23505): bad');
  assert.match(failure.stack, /fingerprint\.test\.ts/);
});

test('what is thrown without being an error, and texts that PostgreSQL refuses, are described too', () => {
  assert.equal(describeFailure('a\0b').error, 'Error: a\uFFFDb');
  assert.equal(describeFailure(undefined).error, 'Error: undefined');
  assert.equal(describeFailure(new Error('x'.repeat(9_000))).error.length, 2_000);
});
