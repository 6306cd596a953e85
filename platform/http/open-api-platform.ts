// What a process answers beside its routes, for the OpenAPI document.
import { everyHeader } from './open-api-problems.ts';

const HEALTH = {
  type: 'object',
  required: ['status', 'service', 'version', 'services'],
  properties: {
    status: { type: 'string', enum: ['healthy', 'unhealthy'] },
    service: { type: 'string' },
    version: { type: 'string' },
    services: { type: 'object', additionalProperties: { type: 'object' } },
  },
};
const READY = {
  type: 'object',
  required: ['status'],
  properties: {
    status: { type: 'string', enum: ['ready', 'not_ready'] },
    waiting_for: { type: 'array', items: { type: 'string' } },
  },
};

interface Answer {
  readonly summary: string;
  readonly type: string;
  readonly schema: object;
  /** Whether it is 503 when something is wrong. */
  readonly canFail: boolean;
}

const json = (summary: string, schema: object, canFail: boolean): Answer => ({
  summary,
  type: 'application/json',
  schema,
  canFail,
});
const whole = json('The state of this process and of every service in it', HEALTH, true);
const ready = json('Whether this process takes requests', READY, true);
const alive = json('Whether this process runs', { type: 'object', required: ['status'] }, false);

const ANSWERS: Readonly<Record<string, Answer>> = {
  '/health': whole,
  '/_health': whole,
  '/health-check': whole,
  '/healthcheck': json('One word and the version', { type: 'string', pattern: '^(OK|UNHEALTHY) v' }, true),
  '/health-check/liveness': alive,
  '/livez': alive,
  '/health-check/readiness': ready,
  '/readyz': ready,
  '/metrics': { summary: 'Metrics for Prometheus', type: 'text/plain', schema: { type: 'string' }, canFail: false },
  '/openapi.json': json('This document', { type: 'object' }, false),
  '/docs': { summary: 'The explorer of this API', type: 'text/html', schema: { type: 'string' }, canFail: false },
};

/** @param paths what the server answers; those that are no part of the API (a page's style sheet) are left out. */
export function platformPaths(paths: readonly string[]): Record<string, Record<string, unknown>> {
  const described = paths.flatMap((path) => {
    const answer = ANSWERS[path];
    return answer === undefined ? [] : [[path, { get: operation(path, answer) }] as const];
  });
  return Object.fromEntries(described);
}

function operation(path: string, { summary, type, schema, canFail }: Answer): object {
  const name = path.replaceAll(/[^A-Za-z]/g, '_');
  const headers = everyHeader;
  const content = { [type]: { schema } };
  return {
    operationId: `Get${name}`,
    tags: ['Process'],
    summary,
    responses: {
      200: { description: 'Done.', headers, content },
      ...(canFail ? { 503: { description: 'Something is wrong.', headers, content } } : {}),
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}
