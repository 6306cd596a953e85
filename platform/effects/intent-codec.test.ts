import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeIntent, encodeIntent } from './intent-codec.ts';

test('an intent comes back as it was, with its exact integers, times and bytes', () => {
  const intent = {
    userId: 9_007_199_254_740_993n,
    at: new Date('2026-11-21T05:00:00.123Z'),
    attachment: new Uint8Array([0, 255, 7]),
    to: [{ address: 'ada@example.com', name: 'Ada' }],
    none: null,
    yes: true,
    ratio: 0.25,
  };
  assert.deepEqual(decodeIntent(JSON.parse(encodeIntent(intent))), intent);
});

test('a property that is undefined is left out, as JSON does', () => {
  assert.equal(encodeIntent({ a: 1, b: undefined }), '{"a":1}');
});

test('what has no stable form is refused when it is intended, not when it is performed', () => {
  assert.throws(() => encodeIntent({ send: () => {} }), TypeError);
  assert.throws(() => encodeIntent({ when: new Map() }), TypeError);
  assert.throws(() => encodeIntent({ ratio: Number.NaN }), TypeError);
});
