// The REST routes of proto services, out of their `google.api.http` rules: what binds where, and what is answered.
// Everything that is wrong with a rule is said when the process starts, never when a request comes.
import {
  type DescField,
  type DescMethod,
  type DescMethodUnary,
  type DescService,
  getOption,
  hasOption,
} from '@bufbuild/protobuf';
import { http } from '@tradepost/contracts/http';
import type { HttpRule } from '@tradepost/contracts/http-rule';
import { type Access, rest } from '@tradepost/contracts/options';
import { fieldDecoder, fieldEncoder, prepareJson } from '../json/index.ts';
import { accessOf } from './authorize.ts';
import { type TextField, textField, textFieldsOf } from './field-path.ts';
import { type PathTemplate, parsePathTemplate } from './path-template.ts';

export const DEFAULT_BODY_LIMIT_KIB = 64;

export interface Route {
  readonly httpMethod: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly template: PathTemplate;
  readonly method: DescMethodUnary;
  readonly access: Access;
  readonly variables: readonly TextField[];
  readonly query: ReadonlyMap<string, TextField>;
  /** `*` is the whole request, a field is its value; undefined takes no body. */
  readonly body: '*' | DescField | undefined;
  readonly bodyLimitBytes: number;
  /** The field of the response that is the body; undefined is all of it. */
  readonly responseBody: DescField | undefined;
  readonly successStatus: number;
  /** The request field that `If-Match` sets. */
  readonly revision: DescField | undefined;
}

/** Whether the method answers a page of a list. */
export function isPageOf(method: DescMethod): boolean {
  return method.output.fields.some((field) => field.name === 'next_cursor');
}

/** @throws listing everything that is wrong: duplicate routes, unbound variables, a GET with a body, … */
export function routesOf(services: readonly DescService[]): Route[] {
  const faults: string[] = [];
  const routes: Route[] = [];
  const taken = new Map<string, string>();
  for (const method of services.flatMap((service) => service.methods)) {
    if (!hasOption(method, http)) continue;
    const rule = getOption(method, http);
    const name = `${method.parent.typeName}.${method.name}`;
    for (const binding of [rule, ...rule.additionalBindings]) {
      try {
        const route = routeOf(method, binding);
        const key = `${route.httpMethod} ${route.template.shape}`;
        const other = taken.get(key);
        if (other !== undefined) throw new Error(`${key} is a route of ${other} already`);
        taken.set(key, name);
        routes.push(route);
      } catch (error) {
        faults.push(`${name}: ${(error as Error).message}`);
      }
    }
  }
  if (faults.length > 0) throw new Error(`REST routes that cannot be served:\n${faults.join('\n')}`);
  return routes;
}

function routeOf(method: DescMethod, rule: HttpRule): Route {
  if (method.methodKind !== 'unary') throw new Error('a stream has no REST form');
  const { httpMethod, path } = patternOf(rule);
  const template = parsePathTemplate(path);
  const variables = template.variables.map((name) => textField(method.input, name));
  for (const { name, isList } of variables) if (isList) throw new Error(`the variable ${name} is a list`);
  const body = bodyOf(method, rule, httpMethod);
  const bound = new Set(variables.map((variable) => variable.field));
  if (body !== undefined && body !== '*') bound.add(body);
  const query = body === '*' ? [] : textFieldsOf(method.input, bound);
  const options = hasOption(method, rest) ? getOption(method, rest) : undefined;
  const isEmpty = method.output.fields.length === 0;
  const revision = method.input.fields.find((field) => field.name === 'revision');
  prepareJson(method.input);
  prepareJson(method.output);
  return {
    httpMethod,
    template,
    method: method as DescMethodUnary,
    access: accessOf(method),
    variables,
    query: new Map(query.map((field) => [field.name, field])),
    body,
    bodyLimitBytes: (options?.bodyLimitKib || DEFAULT_BODY_LIMIT_KIB) * 1024,
    responseBody: responseBodyOf(method, rule),
    successStatus: options?.successStatus || (isEmpty ? 204 : 200),
    revision: httpMethod === 'GET' || httpMethod === 'POST' ? undefined : revision,
  };
}

function patternOf(rule: HttpRule): { httpMethod: Route['httpMethod']; path: string } {
  const { pattern } = rule;
  if (pattern.case === undefined) throw new Error('the rule has no path');
  if (pattern.case === 'custom') throw new Error(`the HTTP method ${pattern.value.kind} is not supported`);
  return { httpMethod: pattern.case.toUpperCase() as Route['httpMethod'], path: pattern.value };
}

function bodyOf(method: DescMethod, rule: HttpRule, httpMethod: string): Route['body'] {
  if (rule.body === '') return undefined;
  if (httpMethod === 'GET' || httpMethod === 'DELETE') throw new Error(`${httpMethod} takes no body`);
  if (rule.body === '*') return '*';
  const field = method.input.fields.find((candidate) => candidate.name === rule.body);
  if (!field) throw new Error(`${method.input.typeName} has no field ${rule.body} for the body`);
  fieldDecoder(field);
  return field;
}

function responseBodyOf(method: DescMethod, rule: HttpRule): DescField | undefined {
  if (rule.responseBody === '') return undefined;
  const field = method.output.fields.find((candidate) => candidate.name === rule.responseBody);
  if (!field) throw new Error(`${method.output.typeName} has no field ${rule.responseBody} for the response body`);
  fieldEncoder(field);
  return field;
}
