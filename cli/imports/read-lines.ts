// Reads a file line by line without holding it: every line with its number, and what is wrong with it as bytes.
import { isUtf8 } from 'node:buffer';
import { createReadStream, statSync } from 'node:fs';
import { Failure } from '../failure.ts';

export interface Line {
  /** From 1, as editors count. */
  readonly number: number;
  readonly text: string;
  /** Why the line cannot be read: too long, or not UTF-8. Its text is then empty. */
  readonly fault?: string;
  /** Bytes of the file up to the end of this line. */
  readonly bytesRead: number;
}

export const LONGEST_LINE = 1024 * 1024;
const NEWLINE = 0x0a;

/** @returns the size in bytes; undefined for `-`, the standard input. */
export function inputSize(path: string): number | undefined {
  if (path === '-') return undefined;
  try {
    return statSync(path).size;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): Failure {
  const code = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  return new Failure('file_unreadable', `${path} cannot be read (${code})`, { fix: 'check the path', exitCode: 2 });
}

/** Empty lines are left out, and counted. */
export async function* readLines(path: string, source?: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  const chunks: AsyncIterable<Buffer> = source ?? (path === '-' ? process.stdin : createReadStream(path));
  let number = 0;
  let bytesRead = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let tooLong = false;
  const hold = (part: Buffer): void => {
    bytesRead += part.length;
    heldBytes += part.length;
    if (heldBytes > LONGEST_LINE) {
      tooLong = true;
      held = [];
    } else held.push(part);
  };
  const finish = (): Line => {
    number += 1;
    const line = tooLong
      ? { number, text: '', fault: `longer than ${LONGEST_LINE / 1024} KiB`, bytesRead }
      : decode(Buffer.concat(held), number, bytesRead);
    held = [];
    heldBytes = 0;
    tooLong = false;
    return line;
  };
  try {
    for await (const chunk of chunks) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        hold(chunk.subarray(start, end));
        bytesRead += 1;
        start = end + 1;
        const line = finish();
        if (line.text !== '' || line.fault !== undefined) yield line;
      }
      if (start < chunk.length) hold(chunk.subarray(start));
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  if (heldBytes > 0) {
    const line = finish();
    if (line.text !== '' || line.fault !== undefined) yield line;
  }
}

function decode(bytes: Buffer, number: number, bytesRead: number): Line {
  if (!isUtf8(bytes)) return { number, text: '', fault: 'not valid UTF-8', bytesRead };
  const text = bytes.toString('utf8').trim();
  return { number, text: number === 1 ? text.replace(/^\uFEFF/, '') : text, bytesRead };
}
