// The answers that routes share in the OpenAPI document: problems by status, headers, the API key.
import type { Schema } from './schema-rules.ts';

const STATUS_TEXTS: Readonly<Record<string, string>> = {
  400: 'The request is malformed, or breaks the rules of its fields; `errors` lists every fault.',
  401: 'The API key is missing or not valid.',
  404: 'It does not exist.',
  406: 'The caller takes no JSON.',
  409: 'It contradicts what is there: something is taken, or a request with the same key is still under way.',
  412: 'It has another revision than `If-Match` asks for.',
  413: 'The body is too large.',
  415: 'The body is not JSON in UTF-8.',
  422: 'The `Idempotency-Key` belongs to a request with another content.',
  429: 'Too many requests; `Retry-After` says when to come back.',
  500: 'A bug on our side; quote `request_id` when you report it.',
  503: 'Overloaded, or a part is not reachable; `Retry-After` says when to come back.',
  default: 'A problem.',
};

const REQUEST_ID_HEADERS = {
  'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' },
  'X-Correlation-Id': { $ref: '#/components/headers/X-Correlation-Id' },
  traceparent: { $ref: '#/components/headers/traceparent' },
};

/** Headers that every answer has. */
export const everyHeader: Readonly<Record<string, unknown>> = REQUEST_ID_HEADERS;

export function problemResponses(statuses: readonly number[]): Record<string, unknown> {
  const names = [...statuses.map(String), 'default'];
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/responses/Problem${suffix(name)}` }]));
}

function suffix(status: string): string {
  return status === 'default' ? '' : status;
}

function problemResponse(status: string, description: string): unknown {
  const waits = status === '429' || status === '503';
  return {
    description,
    headers: {
      ...REQUEST_ID_HEADERS,
      ...(waits ? { 'Retry-After': { $ref: '#/components/headers/Retry-After' } } : {}),
    },
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

const PROBLEM: Schema = {
  type: 'object',
  description: 'What went wrong, as RFC 9457 describes it.',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'request_id', 'trace_id'],
  properties: {
    type: { type: 'string', format: 'uri', description: 'Names the kind of problem.' },
    title: { type: 'string', description: 'Short, and the same every time.', examples: ['Invalid request'] },
    status: { type: 'integer', minimum: 400, maximum: 599, examples: [400] },
    detail: { type: 'string', description: 'A sentence for a person.' },
    instance: { type: 'string', description: 'The path of the request.', examples: ['/api/v1/users'] },
    code: { type: 'string', description: 'Stable; made for programs.', examples: ['invalid_request'] },
    request_id: { type: 'string', description: 'To quote when you report the problem.' },
    trace_id: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    errors: { type: 'array', description: 'Every single fault.', items: { $ref: '#/components/schemas/FieldFault' } },
    metadata: { type: 'object', additionalProperties: { type: 'string' }, description: 'Further facts, by name.' },
  },
};

const FIELD_FAULT: Schema = {
  type: 'object',
  required: ['pointer', 'code', 'detail'],
  properties: {
    pointer: {
      type: 'string',
      description: 'A JSON pointer into the body (`/email`), a query parameter (`?limit`) or a path variable (`{id}`).',
      examples: ['/email'],
    },
    code: { type: 'string', examples: ['string.email'] },
    detail: { type: 'string', examples: ['email must be a valid e-mail address'] },
  },
};

export function commonComponents(needsApiKey: boolean) {
  const responses = Object.entries(STATUS_TEXTS).map(([status, text]) => [
    `Problem${suffix(status)}`,
    problemResponse(status, text),
  ]);
  const text = (description: string, required: boolean): unknown => ({
    description,
    required,
    schema: { type: 'string' },
  });
  return {
    schemas: { Problem: PROBLEM, FieldFault: FIELD_FAULT },
    responses: Object.fromEntries(responses),
    headers: {
      'X-Request-Id': text('The id of this request: the one that was sent, or a new one.', true),
      'X-Correlation-Id': text('The id of the whole undertaking: the one that was sent, or the request id.', true),
      traceparent: text('W3C trace context: the one that was sent, or a new one.', true),
      ETag: text('The state of what was answered, for `If-None-Match` and `If-Match`.', false),
      Link: text('`<…>; rel="next"` where another page follows (RFC 8288).', false),
      Location: text('Where it can be read.', false),
      'Idempotent-Replayed': text('`true` where an earlier request with the same key was answered like this.', false),
      'Retry-After': text('Seconds until a repeat may succeed.', true),
    },
    ...(needsApiKey
      ? {
          securitySchemes: {
            apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The key of a feed.' },
          },
        }
      : {}),
  };
}
