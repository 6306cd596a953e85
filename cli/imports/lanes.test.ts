import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLanes } from './lanes.ts';

interface Item {
  readonly key: bigint;
  readonly number: number;
  readonly identity?: string;
}

function collect(send: (items: readonly Item[]) => Promise<void>, maxBatch = 500) {
  return createLanes<Item>({
    lanes: 4,
    maxBatch,
    keyOf: ({ key }) => key,
    identityOf: ({ identity, number }) => identity ?? String(number),
    send,
  });
}

test('items of one key arrive in order although batches overlap', async () => {
  const arrived = new Map<bigint, number[]>();
  let underWay = 0;
  let most = 0;
  const lanes = collect(async (items) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await sleep(items.length % 3);
    for (const { key, number } of items) arrived.set(key, [...(arrived.get(key) ?? []), number]);
    underWay -= 1;
  }, 7);
  for (let number = 0; number < 1000; number += 1) await lanes.add({ key: BigInt(number % 13), number });
  await lanes.finish();
  assert.equal(most, 4);
  for (const [key, numbers] of arrived) {
    assert.deepEqual(
      numbers,
      numbers.toSorted((left, right) => left - right),
      `key ${key}`,
    );
  }
  assert.equal([...arrived.values()].flat().length, 1000);
});

test('a batch never exceeds the limit and never holds one identity twice', async () => {
  const batches: string[][] = [];
  const lanes = collect(async (items) => void batches.push(items.map(({ identity }) => identity as string)), 4);
  for (const identity of ['a', 'b', 'b', 'c', 'd', 'e', 'f']) await lanes.add({ key: 4n, number: 0, identity });
  await lanes.finish();
  assert.deepEqual(batches, [['a', 'b'], ['b', 'c', 'd', 'e'], ['f']]);
});

test('the first failure stops the sending and reaches whoever adds or finishes', async () => {
  let sent = 0;
  const lanes = collect(async () => {
    sent += 1;
    throw new Error('no server');
  }, 1);
  await lanes.add({ key: 0n, number: 1 });
  await assert.rejects(async () => {
    for (let number = 0; number < 100; number += 1) await lanes.add({ key: 0n, number });
    await lanes.finish();
  }, /no server/);
  await assert.rejects(lanes.finish(), /no server/);
  assert.equal(sent, 1);
});
