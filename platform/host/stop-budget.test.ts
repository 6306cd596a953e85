import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStopBudget } from './stop-budget.ts';

test('what is done in its share is waited for, and what is not is left behind', async () => {
  const budget = createStopBudget(200);
  assert.equal(await budget.within(0.5, Promise.resolve()), true);
  assert.equal(await budget.within(0.25, new Promise(() => {})), false);
});

test('shares are of the whole: what one part took, the later ones do not have', async () => {
  let nowMs = 5000;
  const budget = createStopBudget(100, () => nowMs);
  nowMs += 60;
  assert.deepEqual([budget.restMs(0.5), budget.restMs(1)], [0, 40]);
});

test('a failure within the time is told, a later one is not', async () => {
  const budget = createStopBudget(20);
  await assert.rejects(budget.within(1, Promise.reject(new Error('in time'))), { message: 'in time' });
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('too late')), 40));
  assert.equal(await budget.within(1, late), false);
  await new Promise((resolve) => setTimeout(resolve, 40));
});
