// Keyset paging: opaque, tamper-evident cursors and the shape of a page. A cursor names the list it belongs to, so one
// list's cursor is refused by another.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Refusal } from '../errors/index.ts';
import { refusePage } from './paging-refusals.ts';

export const DEFAULT_PAGE_LIMIT = 50;

/** What a cursor holds: the sort values of the last row shown, as text. */
export type Position = readonly string[];

export interface Cursors {
  /** @param list names the list and its filters. */
  seal(list: string, position: Position): string;
  /** @returns the position, or undefined for an empty cursor. @throws Refusal `invalid_cursor`. */
  open(list: string, cursor: string): Position | undefined;
}

/** @param secret the same in every process that serves the list. */
export function createCursors(secret: string): Cursors {
  const signature = (list: string, body: string): Buffer =>
    createHmac('sha256', secret).update(list).update('\0').update(body).digest().subarray(0, 12);
  return {
    seal(list, position) {
      const body = Buffer.from(JSON.stringify(position)).toString('base64url');
      return `${body}.${signature(list, body).toString('base64url')}`;
    },
    open(list, cursor) {
      if (cursor === '') return undefined;
      const [body = '', given = ''] = cursor.split('.');
      const expected = signature(list, body);
      const actual = Buffer.from(given, 'base64url');
      if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) throw invalidCursor();
      return JSON.parse(Buffer.from(body, 'base64url').toString()) as string[];
    },
  };
}

function invalidCursor(): Refusal {
  const detail = refusePage('invalid_cursor', {}).message;
  return refusePage('invalid_cursor', {}, { errors: [{ pointer: '?cursor', code: 'invalid_cursor', detail }] });
}

export interface PageRequest {
  readonly limit: number;
  readonly cursor: string;
}

export interface Page<Item> {
  data: Item[];
  nextCursor: string;
  hasMore: boolean;
}

/**
 * Reads one page: asks for a row more than is shown, to know whether another page follows.
 * @param fetch gets the position to go on from (undefined at first) and how many rows to read.
 * @param positionOf the sort values of a row.
 */
export async function readPage<Item>(
  cursors: Cursors,
  list: string,
  request: PageRequest,
  fetch: (after: Position | undefined, limit: number) => Promise<Item[]>,
  positionOf: (item: Item) => Position,
): Promise<Page<Item>> {
  const limit = request.limit || DEFAULT_PAGE_LIMIT;
  const rows = await fetch(cursors.open(list, request.cursor), limit + 1);
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const hasMore = rows.length > limit;
  return { data, hasMore, nextCursor: hasMore && last !== undefined ? cursors.seal(list, positionOf(last)) : '' };
}
