// What HTTP itself may answer, before any service is asked.
import { defineRefusals, type FieldFault } from '../errors/index.ts';

export const refuseHttp = defineRefusals({
  route_not_found: {
    status: 'NOT_FOUND',
    title: 'No such route',
    detail: ({ path }: { path: string }) => `There is nothing at ${path}; /openapi.json lists every route`,
  },
  method_not_allowed: {
    status: 'UNIMPLEMENTED',
    httpStatus: 405,
    title: 'Method not allowed',
    detail: ({ method, allow }: { method: string; allow: string }) => `${method} is not allowed here, only ${allow}`,
  },
  malformed_url: {
    status: 'INVALID_ARGUMENT',
    title: 'Malformed URL',
    detail: (_: object) =>
      'The path or the query has a percent sign that is not followed by two hexadecimal digits of UTF-8',
  },
  malformed_request: {
    status: 'INVALID_ARGUMENT',
    title: 'Malformed request',
    detail: ({ why }: { why: string }) => why,
  },
  malformed_body: {
    status: 'INVALID_ARGUMENT',
    title: 'Malformed body',
    detail: ({ why }: { why: string }) => sentence(why),
  },
  empty_body: {
    status: 'INVALID_ARGUMENT',
    title: 'Empty body',
    detail: (_: object) => 'The request needs a JSON body with `Content-Type: application/json`',
  },
  unexpected_body: {
    status: 'INVALID_ARGUMENT',
    title: 'Unexpected body',
    detail: (_: object) => 'This route takes no body',
  },
  invalid_request: {
    status: 'INVALID_ARGUMENT',
    title: 'Invalid request',
    detail: ({ faults }: { faults: readonly FieldFault[] }) => faults.map((fault) => fault.detail).join('; '),
  },
  unsupported_media_type: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 415,
    title: 'Unsupported media type',
    detail: (_: object) => 'The body must be JSON in UTF-8, with `Content-Type: application/json`',
  },
  not_acceptable: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 406,
    title: 'Not acceptable',
    detail: (_: object) => 'This route answers with application/json only',
  },
  host_not_allowed: {
    status: 'PERMISSION_DENIED',
    httpStatus: 421,
    title: 'Host not allowed',
    detail: ({ host }: { host: string }) =>
      `The Host header must name this machine, localhost or 127.0.0.1 say, and not ${JSON.stringify(host)}`,
  },
  body_too_large: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 413,
    title: 'Body too large',
    detail: ({ limitKib }: { limitKib: number }) => `The body may have at most ${limitKib} KiB`,
  },
  headers_too_large: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 431,
    title: 'Header fields too large',
    detail: (_: object) => 'The URL and the header fields are too large',
  },
  request_timeout: {
    status: 'DEADLINE_EXCEEDED',
    httpStatus: 408,
    title: 'Request timeout',
    detail: (_: object) => 'The request did not arrive in time',
  },
  rate_limited: {
    status: 'RESOURCE_EXHAUSTED',
    title: 'Too many requests',
    detail: ({ seconds }: { seconds: number }) => `You sent too many requests; try again in ${seconds} s`,
  },
  overloaded: {
    status: 'UNAVAILABLE',
    title: 'Overloaded',
    detail: (_: object) => 'More requests are under way than can be answered in time; try again in a moment',
  },
  revision_mismatch: {
    status: 'FAILED_PRECONDITION',
    httpStatus: 412,
    title: 'Precondition failed',
    detail: (_: object) => 'The resource has another revision than If-Match asks for; read it again',
  },
  internal: {
    status: 'INTERNAL',
    title: 'Internal error',
    detail: ({ requestId }: { requestId: string }) =>
      `Something went wrong on our side; please quote request ${requestId} when you report it`,
  },
});

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
