import assert from 'node:assert/strict';
import test from 'node:test';
import { createCursors, readPage } from './paging.ts';

const cursors = createCursors('a secret of this installation');

async function fetchNumbers(after: readonly string[] | undefined, limit: number): Promise<number[]> {
  const from = after === undefined ? 1 : Number(after[0]) + 1;
  return [1, 2, 3, 4, 5].filter((n) => n >= from).slice(0, limit);
}

test('pages follow each other without gap or repeat until nothing is left', async () => {
  const seen: number[][] = [];
  let cursor = '';
  for (;;) {
    const page = await readPage(cursors, 'numbers', { limit: 2, cursor }, fetchNumbers, (n) => [String(n)]);
    seen.push(page.data);
    cursor = page.nextCursor;
    if (!page.hasMore) break;
  }
  assert.deepEqual(seen, [[1, 2], [3, 4], [5]]);
  assert.equal(cursor, '');
});

test('a cursor that was changed, or belongs to another list, is refused', () => {
  const cursor = cursors.seal('numbers', ['4']);
  assert.deepEqual(cursors.open('numbers', cursor), ['4']);
  const forged = `${Buffer.from('["9"]').toString('base64url')}.${cursor.split('.')[1]}`;
  for (const [list, text] of [
    ['numbers', forged],
    ['letters', cursor],
    ['numbers', 'nonsense'],
  ] as const) {
    assert.throws(() => cursors.open(list, text), { code: 'invalid_cursor' });
  }
});
