import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2, partOfKey } from './part-of-key.ts';

// The values that Apache Kafka's own UtilsTest.testMurmur2 expects.
const KAFKA: readonly [string, number][] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
];

test("murmur2 agrees with Kafka's for keys of every length modulo four", () => {
  for (const [key, hash] of KAFKA) assert.equal(murmur2(Buffer.from(key)), hash, key);
  assert.equal(murmur2(Buffer.from('abc')), 479470107);
});

test('a view into a larger buffer is hashed by its own bytes', () => {
  assert.equal(murmur2(Buffer.from('xxfoobarxx').subarray(2, 8)), murmur2(Buffer.from('foobar')));
});

test('every key has a partition below the number of partitions, and all are used', () => {
  const used = new Set<number>();
  for (let key = 0; key < 1000; key += 1) used.add(partOfKey(String(key), 8));
  assert.deepEqual([...used].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('keys outside ASCII are hashed as UTF-8', () => {
  assert.equal(partOfKey('é', 2 ** 31 - 1), (murmur2(Uint8Array.of(0xc3, 0xa9)) & 0x7fffffff) % (2 ** 31 - 1));
});
