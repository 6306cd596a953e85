import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Received } from '../../service/index.ts';
import type { LogRecord } from '../log/index.ts';
import { advanceCursors, type PlanOptions, partitionKey, planBatch } from './plan-batch.ts';

function record(sequence: number, change: Partial<LogRecord> = {}): LogRecord {
  return {
    topic: 't',
    part: 0,
    sequence: BigInt(sequence),
    incarnation: 'i1',
    type: 'known',
    key: `k${sequence}`,
    ...change,
  } as LogRecord;
}

const cursors = new Map([['t/0', { topic: 't', part: 0, after: 10n, incarnation: 'i1' }]]);
const options: PlanOptions = {
  types: new Set(['known']),
  decode: (one) => {
    if (one.value !== undefined) throw new Error('unreadable');
    return { id: one.id } as Received;
  },
  holdsKeys: true,
  incarnation: 'i1',
  isBlocked: (_topic, key) => key === 'blocked',
};
const kinds = (records: LogRecord[], change: Partial<PlanOptions> = {}) => {
  const plan = planBatch(records, cursors, { ...options, ...change });
  return { ...plan, steps: plan.steps.map(({ kind, record: { sequence } }) => `${kind} ${sequence}`) };
};

test('what is at or below the cursor is a duplicate, also within a batch', () => {
  const plan = kinds([record(9), record(10), record(11), record(11), record(12), record(11)]);
  assert.deepEqual(plan.steps, ['apply 11', 'apply 12']);
  assert.equal(plan.duplicates, 4);
});

test('behind a gap everything of the partition waits', () => {
  const plan = kinds([record(11), record(13), record(14), record(12)]);
  assert.deepEqual(plan.steps, ['apply 11']);
  assert.deepEqual(plan.gaps, [{ topic: 't', part: 0, expected: 12n }]);
});

test('other types move the cursor, blocked keys are held, unreadable values are buried with what follows held', () => {
  const plan = kinds([
    record(11, { type: 'other' }),
    record(12, { key: 'blocked' }),
    record(13, { key: 'x', value: Buffer.from('?') }),
    record(14, { key: 'x' }),
    record(15, { key: 'y' }),
  ]);
  assert.deepEqual(plan.steps, ['pass 11', 'hold 12', 'bury 13', 'hold 14', 'apply 15']);
});

test('a consumer that releases keys holds nothing behind an unreadable value', () => {
  const records = [record(11, { key: 'x', value: Buffer.from('?') }), record(12, { key: 'x' })];
  assert.deepEqual(kinds(records, { holdsKeys: false, isBlocked: () => false }).steps, ['bury 11', 'apply 12']);
});

test('a restored log is read on from where its new incarnation begins, and late records of the old one are not', () => {
  const restored = [record(8, { incarnation: 'i2' }), record(9, { incarnation: 'i2' })];
  const plan = kinds(restored, { incarnation: 'i2' });
  assert.deepEqual(plan.steps, ['apply 8', 'apply 9']);
  assert.deepEqual(plan.restarts, [{ topic: 't', part: 0, from: 'i1' }]);
  assert.deepEqual(kinds([record(11, { incarnation: 'i0' })]).steps, []);
});

test('cursors advance to the last record of each partition and never go back', () => {
  const { steps } = planBatch([record(11), record(12)], cursors, options);
  assert.equal(advanceCursors(cursors, steps).get(partitionKey({ topic: 't', part: 0 }))?.after, 12n);
  assert.equal(cursors.get('t/0')?.after, 10n);
  const old = { kind: 'pass', record: record(3) } as const;
  assert.equal(advanceCursors(cursors, [old]).get('t/0')?.after, 10n);
});
