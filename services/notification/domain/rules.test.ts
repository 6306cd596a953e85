import assert from 'node:assert/strict';
import test from 'node:test';
import { decideOnScore, needsPerson, statusAfter } from './rules.ts';

test('a rise of more than ten points is a congratulation; ten is silent, eleven is not', () => {
  assert.deepEqual(decideOnScore(11, true), { message: 'Your score increased by 11 points!', deliver: true });
  assert.deepEqual(decideOnScore(15, true), { message: 'Your score increased by 15 points!', deliver: true });
  assert.deepEqual(decideOnScore(10, true), {
    message: 'Your score changed by 10 points',
    deliver: false,
    reason: 'silent',
  });
});

test('no change and a fall are silent', () => {
  assert.equal(decideOnScore(0, true).message, 'Your score changed by 0 points');
  assert.equal(decideOnScore(-5, true).message, 'Your score changed by -5 points');
  assert.equal(decideOnScore(-2147483648, true).deliver, false);
});

test('a congratulation to nobody is stored with its reason', () => {
  assert.deepEqual(decideOnScore(15, false), {
    message: 'Your score increased by 15 points!',
    deliver: false,
    reason: 'no_address',
  });
});

test('people are looked up for congratulations alone', () => {
  assert.deepEqual([10, 11, -20].map(needsPerson), [false, true, false]);
});

test('a delivery event sets the status that a reader sees', () => {
  assert.deepEqual(['MessageSent', 'MessageBounced', 'MessageNotSent'].map(statusAfter), [
    'sent',
    'bounced',
    'not_sent',
  ]);
});
