import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgress } from './progress.ts';

function record(isTTY: boolean) {
  const written: string[] = [];
  let nowMs = 0;
  const stream = { isTTY, columns: 60, write: (text: string) => written.push(text) };
  const progress = createProgress({ label: 'feed', total: 200, unit: 'B', stream, monotonicMs: () => nowMs });
  return { progress, written, at: (ms: number) => (nowMs = ms) };
}

test('on a terminal the bar is drawn over itself, at most ten times a second, and ends complete', () => {
  const { progress, written, at } = record(true);
  at(1000);
  progress.update(50);
  at(1050);
  progress.update(60);
  at(1080);
  progress.update(200, '7 refused');
  progress.finish();
  assert.equal(written.length, 3);
  assert.equal(written[0]?.trimEnd(), '\rfeed  ██████░░░░░░░░░░░░░░░░░░ 25 %  50 B/s');
  assert.match(written[1] ?? '', /100 % {2}185 B\/s {2}7 r/);
  assert.equal(written[1]?.length, 60);
  assert.equal(written[2], '\n');
});

test('elsewhere it is a plain line every five seconds, and nothing for what is quick', () => {
  const { progress, written, at } = record(false);
  at(1000);
  progress.update(50);
  at(5000);
  progress.update(100, '3 refused');
  progress.finish();
  assert.deepEqual(written, ['feed  50 %  20 B/s  3 refused\n']);
});
