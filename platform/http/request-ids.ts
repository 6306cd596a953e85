// The ids that a request carries through everything that follows from it: taken over from the caller where they are
// sane, made here otherwise. Nothing of a header reaches a log or an answer unchecked.
import { randomFillSync } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { uuidv7 } from '../time/index.ts';

const SANE_ID = /^[A-Za-z0-9._:@+=/-]{1,128}$/;
/** W3C Trace Context: version 00 exactly, or a later version whose known part is the same. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

const pool = Buffer.alloc(3072);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}

export interface RequestIds {
  readonly requestId: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly traceId: string;
}

export function requestIdsOf(headers: IncomingHttpHeaders): RequestIds {
  const requestId = saneId(headers['x-request-id']) ?? uuidv7();
  const { traceparent, traceId } = traceOf(headers.traceparent);
  return { requestId, correlationId: saneId(headers['x-correlation-id']) ?? requestId, traceparent, traceId };
}

function saneId(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && SANE_ID.test(value) ? value : undefined;
}

function traceOf(header: string | string[] | undefined): { traceparent: string; traceId: string } {
  if (typeof header === 'string' && header.length <= 255) {
    const traceId = TRACEPARENT.exec(header)?.[1];
    // Version 00 has nothing behind its flags.
    if (traceId !== undefined && (header.length === 55 || !header.startsWith('00'))) {
      return { traceparent: header.slice(0, 55), traceId };
    }
  }
  const traceId = randomHex(16);
  return { traceparent: `00-${traceId}-${randomHex(8)}-01`, traceId };
}
