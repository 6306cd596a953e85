// One route in the OpenAPI document: its parameters, its body, its answers.
import type { DescField, DescService } from '@bufbuild/protobuf';
import { Access } from '@tradepost/contracts/options';
import type { TextField } from './field-path.ts';
import { parameterSchema, type SchemaBook } from './json-schema.ts';
import { everyHeader, problemResponses } from './open-api-problems.ts';
import { isPageOf, type Route } from './route.ts';
import { exampleOf, requestExample, responseExample, responseValue } from './schema-example.ts';
import { isRequired, type Schema } from './schema-rules.ts';

export interface OperationContext {
  readonly book: SchemaBook;
  readonly operationId: string;
  readonly docs: Readonly<Record<string, string>>;
  readonly needsApiKey: boolean;
}

/** `UserService` is `User`. */
export function tagOf(service: DescService): string {
  return service.name.replace(/Service$/, '');
}

export function operationOf(route: Route, context: OperationContext): object {
  const { method } = route;
  const text = context.docs[`${method.parent.typeName}.${method.name}`] ?? method.name;
  const parameters = [
    ...route.variables.map((field) => parameterOf(field, 'path', context)),
    ...[...route.query.values()].map((field) => parameterOf(field, 'query', context)),
    ...headerParameters(route),
  ];
  const isSecured = context.needsApiKey && route.access === Access.FEED;
  return {
    operationId: context.operationId,
    tags: [tagOf(method.parent)],
    summary: /^.*?[.;:](?=\s|$)/.exec(text)?.[0].slice(0, -1) ?? text,
    description: text,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body === undefined ? {} : { requestBody: requestBodyOf(route, context) }),
    responses: {
      [route.successStatus]: successOf(route, context),
      ...problemResponses(problemStatuses(route, isSecured)),
    },
    ...(isSecured ? { security: [{ apiKey: [] }] } : {}),
  };
}

function parameterOf({ name, field, isList }: TextField, place: 'path' | 'query', context: OperationContext): object {
  const schema = parameterSchema(field, field.parent.fields);
  const text = context.docs[`${field.parent.typeName}.${field.name}`];
  const example = exampleOf(field);
  return {
    name,
    in: place,
    required: place === 'path' || isRequired(field),
    ...(text === undefined ? {} : { description: text }),
    schema: isList ? { type: 'array', items: schema } : schema,
    ...(example === undefined ? {} : { example }),
  };
}

function headerParameters(route: Route): object[] {
  const header = (name: string, description: string, schema: Schema): object => ({
    name,
    in: 'header',
    description,
    schema,
  });
  const parameters: object[] = [];
  if (route.httpMethod === 'POST' || route.httpMethod === 'PATCH') {
    const text = 'Makes a repeat harmless: the same key and content get the first answer.';
    parameters.push(header('Idempotency-Key', text, { type: 'string', pattern: '^[!-~]{1,255}$' }));
  }
  if (route.revision !== undefined) {
    const text = 'Refuses the change when the resource has another state than this `ETag`; `*` takes any.';
    parameters.push(header('If-Match', text, { type: 'string', minLength: 1, pattern: '^[^,]+$', examples: ['*'] }));
  }
  return parameters;
}

/** The fields of the request that the body does not hold. */
function boundElsewhere(route: Route): Set<DescField> {
  return new Set(route.variables.filter(({ steps }) => steps.length === 1).map(({ field }) => field));
}

function requestBodyOf(route: Route, { book }: OperationContext): object {
  const { body, method } = route;
  const without = boundElsewhere(route);
  const isWhole = body === '*' || body === undefined;
  const schema = isWhole ? book.body(method.input, without) : book.field(body, 'request');
  const example = isWhole ? requestExample(method.input, without) : body.message && requestExample(body.message);
  return { required: true, content: { 'application/json': { schema, ...(example === undefined ? {} : { example }) } } };
}

function successOf(route: Route, { book }: OperationContext): object {
  const { responseBody, method } = route;
  const reference = (name: string) => ({ $ref: `#/components/headers/${name}` });
  const headers: Record<string, unknown> = { ...everyHeader };
  if (route.httpMethod === 'POST' || route.httpMethod === 'PATCH') {
    headers['Idempotent-Replayed'] = reference('Idempotent-Replayed');
  }
  if (route.successStatus === 204) return { description: 'Done.', headers };
  if (isPageOf(method) && responseBody !== undefined) headers['Link'] = reference('Link');
  if (!isPageOf(method)) headers['ETag'] = reference('ETag');
  if (route.successStatus === 201) headers['Location'] = reference('Location');
  const schema =
    responseBody === undefined ? book.message(method.output, 'response') : book.field(responseBody, 'response');
  const example = responseBody === undefined ? responseExample(method.output) : responseValue(responseBody);
  return {
    description: route.successStatus === 202 ? 'Accepted, and durable.' : 'Done.',
    headers,
    content: { 'application/json': { schema, example } },
  };
}

function problemStatuses(route: Route, isSecured: boolean): number[] {
  const statuses = [400];
  const isWrite = route.httpMethod !== 'GET';
  if (isSecured) statuses.push(401);
  if (route.variables.length > 0 || isWrite) statuses.push(404);
  if (isWrite) statuses.push(409);
  if (route.revision !== undefined) statuses.push(412);
  if (route.body !== undefined) statuses.push(413, 415);
  if (route.httpMethod === 'POST' || route.httpMethod === 'PATCH') statuses.push(422);
  return [...statuses, 429, 500, 503];
}
