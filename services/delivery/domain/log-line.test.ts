import assert from 'node:assert/strict';
import test from 'node:test';
import { sendingLine } from './log-line.ts';

test('the line is the documented one, in local time', () => {
  const at = new Date(2025, 10, 2, 10, 32, 14);
  assert.equal(
    sendingLine(at, 'congratulation', 'user 42', 'Your score increased by 15 points!'),
    '[2025-11-02 10:32:14] Sending congratulation email to user 42: "Your score increased by 15 points!"',
  );
});
