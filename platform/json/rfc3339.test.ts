import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { TimestampSchema, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { formatTimestamp, parseTimestamp } from './rfc3339.ts';

// A linear congruential generator: the same times in every run.
function* someTimes(count: number): Generator<Date> {
  let state = 42;
  for (let at = 0; at < count; at++) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const share = state / 2_147_483_648;
    yield new Date(Math.floor(-62_135_596_800_000 + share * 315_537_897_599_999));
  }
}

test('every day of RFC 3339 is written and read as Date does it', () => {
  for (const date of someTimes(5000)) {
    const text = date.toISOString();
    const timestamp = timestampFromDate(date);
    assert.equal(formatTimestamp(timestamp), text.replace('.000Z', 'Z'));
    assert.deepEqual(parseTimestamp(text), timestamp);
  }
});

test('leap years and the ends of months are told apart', () => {
  for (const real of ['2024-02-29', '2000-02-29', '2026-12-31', '2026-04-30', '9999-12-31', '0001-01-01']) {
    const parsed = parseTimestamp(`${real}T00:00:00Z`);
    assert.equal(parsed && formatTimestamp(parsed), `${real}T00:00:00Z`);
  }
  for (const unreal of [
    '2026-02-29',
    '1900-02-29',
    '2026-04-31',
    '2026-13-01',
    '2026-00-01',
    '2026-01-00',
    '0000-12-31',
  ]) {
    assert.equal(parseTimestamp(`${unreal}T00:00:00Z`), undefined, unreal);
  }
});

test('offsets, fractions and leap seconds are read', () => {
  const cases = [
    ['2026-11-21T06:30:00+01:30', '2026-11-21T05:00:00Z'],
    ['2026-11-20T22:00:00-07:00', '2026-11-21T05:00:00Z'],
    ['2026-11-21t05:00:00.1z', '2026-11-21T05:00:00.100Z'],
    ['2026-11-21T05:00:00.1234Z', '2026-11-21T05:00:00.123400Z'],
    ['2026-11-21T05:00:00.000000001Z', '2026-11-21T05:00:00.000000001Z'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59Z'],
  ] as const;
  for (const [text, same] of cases) {
    const parsed = parseTimestamp(text);
    assert.equal(parsed && formatTimestamp(parsed), same, text);
  }
});

test('other text is no time', () => {
  const wrong = ['', '2026-11-21', '2026-11-21T24:00:00Z', '2026-11-21T05:60:00Z', '2026-11-21T05:00:61Z'];
  wrong.push('2026-11-21 05:00:00Z', '2026-11-21T05:00:00', '2026-11-21T05:00:00.Z', '2026-11-21T05:00:00+24:00');
  wrong.push(
    '2026-11-21T05:00:00.1234567890Z',
    '02026-11-21T05:00:00Z',
    '2026-11-21T05:00:00Z\n',
    '９026-11-21T05:00:00Z',
  );
  for (const text of wrong) assert.equal(parseTimestamp(text), undefined, text);
});

test('a time that RFC 3339 cannot express is not written', () => {
  assert.throws(() => formatTimestamp(create(TimestampSchema, { seconds: 253_402_300_800n })), RangeError);
});
