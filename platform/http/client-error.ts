// Answers what never became a request: bytes that are no HTTP, headers that are too large or too slow.

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { refuseHttp } from './http-refusals.ts';
import { problemOf } from './problem.ts';
import { requestIdsOf } from './request-ids.ts';

export function answerClientError(error: { readonly code?: string }, socket: Socket): void {
  // Nobody is there to read an answer.
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const ids = requestIdsOf({});
  const problem = problemOf(refusalOf(error.code), { requestId: ids.requestId, traceId: ids.traceId, path: '/' });
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${problem.headers['content-type']}`,
    `Content-Length: ${Buffer.byteLength(problem.body)}`,
    `X-Request-Id: ${ids.requestId}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${problem.body}`);
}

function refusalOf(code: string | undefined) {
  if (code === 'HPE_HEADER_OVERFLOW') return refuseHttp('headers_too_large', {});
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refuseHttp('request_timeout', {});
  return refuseHttp('malformed_request', { why: 'What was sent is not a valid HTTP request' });
}
