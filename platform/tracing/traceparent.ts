// W3C Trace Context, level 1: the header that ties a request to everything that follows from it. It is carried through
// calls, outbox and consumers whether or not anybody collects traces.
import { randomFillSync } from 'node:crypto';

export interface TraceContext {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 hexadecimal digits, not all zero. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** @returns undefined for anything that the recommendation tells to ignore: such a request starts a new trace. */
export function parseTraceparent(header: string | undefined): TraceContext | undefined {
  const match = header === undefined || header.length > 512 ? null : FORM.exec(header);
  if (match === null) return undefined;
  const [, version, traceId = NO_TRACE, spanId = NO_SPAN, flags = '00', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** @returns what to hand on of a header that came from outside, in the version that is spoken here. */
export function adoptTraceparent(header: unknown): string | undefined {
  if (typeof header !== 'string' || parseTraceparent(header) === undefined) return undefined;
  return header.length === 55 && header.startsWith('00') ? header : `00${header.slice(2, 55)}`;
}

export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** @returns the trace id, without checking the whole header: for log lines. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent === undefined || traceparent.length < 55 ? undefined : traceparent.slice(3, 35);
}

// Random bytes are drawn in blocks: one system call serves a few hundred ids.
const pool = Buffer.alloc(8192);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  const hex = pool.toString('hex', used - bytes, used);
  return /^0+$/.test(hex) ? randomHex(bytes) : hex;
}

export function newTraceId(): string {
  return randomHex(16);
}

export function newSpanId(): string {
  return randomHex(8);
}

/** A new trace. */
export function newTraceparent(sampled = true): string {
  return formatTraceparent({ traceId: newTraceId(), spanId: newSpanId(), sampled });
}
