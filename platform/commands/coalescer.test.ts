import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCoalescer } from './coalescer.ts';

interface Item {
  readonly key: string;
  readonly n: number;
}

/** Batches that end when they are told to. */
function harness(maxBatch: number, slots = 2) {
  const batches: { items: string[]; end: () => void }[] = [];
  const coalescer = createCoalescer<Item>({
    ...{ slots, maxBatch, queueLimit: 100, keyOf: ({ key }) => key },
    run: (items) =>
      new Promise((resolve) => batches.push({ items: items.map(({ key, n }) => `${key}${n}`), end: resolve })),
  });
  return { batches, coalescer };
}

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test('items of one key never run in two batches at once, and keep their order', async () => {
  const { batches, coalescer } = harness(2);
  for (const n of [1, 2, 3, 4, 5]) coalescer.add({ key: 'a', n });
  await turn();
  assert.deepEqual(
    batches.map(({ items }) => items),
    [['a1', 'a2']],
  );
  coalescer.add({ key: 'b', n: 1 });
  await turn();
  assert.deepEqual(
    batches.map(({ items }) => items),
    [['a1', 'a2'], ['b1']],
  );
  batches[0]?.end();
  await turn();
  assert.deepEqual(batches.at(-1)?.items, ['a3', 'a4']);
  batches[2]?.end();
  await turn();
  assert.deepEqual(batches.at(-1)?.items, ['a5']);
  assert.equal(coalescer.waiting(), 0);
});

test('it is idle once what was held back has run too', async () => {
  const { batches, coalescer } = harness(1);
  coalescer.add({ key: 'a', n: 1 });
  coalescer.add({ key: 'a', n: 2 });
  let isIdle = false;
  void coalescer.idle().then(() => {
    isIdle = true;
  });
  await turn();
  batches[0]?.end();
  await turn();
  assert.equal(isIdle, false);
  batches[1]?.end();
  await turn();
  assert.equal(isIdle, true);
});

test('what is withdrawn from the queue is not run, and the others keep their order', async () => {
  const { batches, coalescer } = harness(1, 1);
  for (const key of ['a', 'b', 'a', 'c']) coalescer.add({ key, n: coalescer.waiting() });
  await turn();
  assert.deepEqual(
    coalescer.withdraw(({ key }) => key === 'a').map(({ key, n }) => `${key}${n}`),
    ['a2'],
  );
  assert.equal(coalescer.waiting(), 2);
  for (let n = 0; n < 3; n += 1) {
    batches[n]?.end();
    await turn();
  }
  assert.deepEqual(
    batches.flatMap(({ items }) => items),
    ['a0', 'b1', 'c3'],
  );
});
