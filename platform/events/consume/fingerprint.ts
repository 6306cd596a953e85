// Tells failures of one kind from another, whatever ids, numbers and addresses their messages carry.
import { createHash } from 'node:crypto';

export interface Failure {
  readonly error: string;
  readonly stack: string;
  readonly fingerprint: string;
}

const LONGEST_ERROR = 2_000;
const LONGEST_STACK = 8_000;

/** Describes whatever was thrown. Texts are cut to what a row should hold. */
export function describeFailure(thrown: unknown): Failure {
  const name = thrown instanceof Error ? thrown.name : 'Error';
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
  const code = codeOf(thrown);
  return {
    error: cut(`${name}${code === '' ? '' : ` (${code})`}: ${message}`, LONGEST_ERROR),
    stack: cut(stack, LONGEST_STACK),
    fingerprint: fingerprintOf(`${name} ${code} ${message}`, firstOwnFrame(stack)),
  };
}

/** 16 hexadecimal digits; the same for texts that differ in numbers, ids, addresses and quoted words only. */
export function fingerprintOf(message: string, place = ''): string {
  const shape = message
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '#')
    .replace(/"[^"]*"|'[^']*'/g, '#')
    .replace(/<[^<>]*>|[^\s<>]+@[^\s<>]+/g, '#')
    .replace(/\d+/g, '#')
    .slice(0, LONGEST_ERROR);
  return createHash('sha256').update(`${shape}\n${place}`).digest('hex').slice(0, 16);
}

function codeOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

// Line numbers stay out: an edit further up the file must not make a new kind of failure.
function firstOwnFrame(stack: string): string {
  const frame = stack.split('\n').find((line) => line.includes('    at ') && !line.includes('node_modules'));
  return frame?.replace(/:\d+:\d+\)?$/, '').trim() ?? '';
}

// A NUL is the one character that PostgreSQL's text refuses.
function cut(text: string, length: number): string {
  return text.replaceAll('\0', '\uFFFD').slice(0, length);
}
