import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogRecord } from '../log/index.ts';
import { applyRange } from './apply-range.ts';
import type { Step } from './plan-batch.ts';

function step(n: number, kind: 'apply' | 'pass' = 'apply', key = `k${n}`): Step {
  return { kind, record: { sequence: BigInt(n), key, topic: 't', part: 0 } as LogRecord, message: {} } as Step;
}

async function run(steps: readonly Step[], poison: ReadonlySet<number>) {
  const applied: number[] = [];
  const aside: number[] = [];
  let attempts = 0;
  await applyRange(steps, {
    revise: (one) => one,
    attempt: async (range) => {
      attempts += 1;
      const numbers = range.map((one) => Number(one.record.sequence));
      if (range.some((one) => one.kind === 'apply' && poison.has(Number(one.record.sequence)))) throw new Error('no');
      applied.push(...numbers);
    },
    isMessageFault: () => true,
    setAside: async (one) => {
      aside.push(Number(one.record.sequence));
      applied.push(Number(one.record.sequence));
    },
  });
  return { applied, aside, attempts };
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test('a range without a fault takes one attempt', async () => {
  const { applied, attempts } = await run(
    numbers(200).map((n) => step(n)),
    new Set(),
  );
  assert.equal(attempts, 1);
  assert.deepEqual(applied, numbers(200));
});

test('one culprit among two hundred is found in at most sixteen attempts, and the order stays', async () => {
  for (const culprit of [1, 2, 77, 100, 101, 199, 200]) {
    const { applied, aside, attempts } = await run(
      numbers(200).map((n) => step(n)),
      new Set([culprit]),
    );
    assert.deepEqual(aside, [culprit]);
    assert.deepEqual(applied, numbers(200));
    assert.ok(attempts <= 17, `${attempts} attempts for ${culprit}`);
  }
});

test('several culprits are all set aside', async () => {
  const { aside, applied } = await run(
    numbers(50).map((n) => step(n)),
    new Set([3, 4, 30, 50]),
  );
  assert.deepEqual(aside, [3, 4, 30, 50]);
  assert.deepEqual(applied, numbers(50));
});

test('a culprit is found between records that are only passed over', async () => {
  for (const culprit of [1, 4, 9]) {
    const steps = numbers(9).map((n) => step(n, n === culprit ? 'apply' : 'pass'));
    const { aside, applied } = await run(steps, new Set([culprit]));
    assert.deepEqual(aside, [culprit]);
    assert.deepEqual(applied, numbers(9));
  }
});

test('a fault that is no message’s ends the work at once', async () => {
  let attempts = 0;
  const work = applyRange([step(1), step(2)], {
    revise: (one) => one,
    attempt: async () => {
      attempts += 1;
      throw new Error('gone');
    },
    isMessageFault: () => false,
    setAside: async () => assert.fail('nothing is set aside'),
  });
  await assert.rejects(work, { message: 'gone' });
  assert.equal(attempts, 1);
});
