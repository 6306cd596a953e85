import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Line, LONGEST_LINE, readLines } from './read-lines.ts';

async function* chunked(parts: readonly (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part as string);
}

async function read(...parts: (string | Buffer)[]): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines('test', chunked(parts))) lines.push(line);
  return lines;
}

test('lines keep their number over empty ones, chunk borders, CRLF and a missing last newline', async () => {
  const lines = await read('\uFEFFfirst\n\n', 'th', 'ird\r', '\nfourth');
  assert.deepEqual(lines, [
    { number: 1, text: 'first', bytesRead: 9 },
    { number: 3, text: 'third', bytesRead: 17 },
    { number: 4, text: 'fourth', bytesRead: 23 },
  ]);
});

test('a character cut by a chunk border is whole again', async () => {
  const bytes = Buffer.from('Grüße\n');
  assert.equal((await read(bytes.subarray(0, 3), bytes.subarray(3)))[0]?.text, 'Grüße');
});

test('a line that is not UTF-8 has a fault, its neighbours have none', async () => {
  const lines = await read('a\n', Buffer.from([0xff, 0xfe, 0x0a]), 'b\n');
  assert.deepEqual(
    lines.map(({ number, fault }) => [number, fault]),
    [
      [1, undefined],
      [2, 'not valid UTF-8'],
      [3, undefined],
    ],
  );
});

test('a line past the limit is skipped without being held', async () => {
  const half = 'x'.repeat(LONGEST_LINE / 2 + 1);
  const lines = await read('a\n', half, half, half, '\nb\n');
  assert.deepEqual(
    lines.map(({ number, text, fault }) => [number, text, fault]),
    [
      [1, 'a', undefined],
      [2, '', 'longer than 1024 KiB'],
      [3, 'b', undefined],
    ],
  );
});

test('a file that is not there is a failure with its path', async () => {
  await assert.rejects(async () => {
    for await (const _line of readLines('/nowhere.ndjson')) assert.fail('a line was read');
  }, /\/nowhere.ndjson cannot be read \(ENOENT\)/);
});
