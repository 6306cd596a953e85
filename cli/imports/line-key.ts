// The idempotency key of a line: the same whenever the same file is imported again, so that a repeat is harmless; a
// line that was mended has a new one.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';

const LONGEST_FEED = 100;

/** @param feed given by the user; default the file's name without its folders. */
export function feedName(file: string, feed: string | undefined): string {
  const name = feed ?? (file === '-' ? 'stdin' : basename(file));
  return name.replaceAll(/[^\w.-]/g, '_').slice(0, LONGEST_FEED);
}

export function lineKey(feed: string, number: number, text: string): string {
  return `${feed}:${number}:${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}
