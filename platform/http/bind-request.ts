// Makes a route's request message out of path, query, body and If-Match. All faults of the first three are gathered.
import { create, type DescField, type Message } from '@bufbuild/protobuf';
import type { FieldFault, Refusal } from '../errors/index.ts';
import { decodeJson, fieldDecoder, jsonNameOf } from '../json/index.ts';
import { getField, readText, setField, type TextField } from './field-path.ts';
import { refuseHttp } from './http-refusals.ts';
import { parseQuery } from './query-string.ts';
import type { Route } from './route.ts';

export interface RawRequest {
  /** Decoded path variables, in the order of the template. */
  readonly variables: readonly string[];
  readonly query: string;
  readonly body: Uint8Array | undefined;
  readonly ifMatch: string | undefined;
}

export type Bind = (raw: RawRequest) => Message;

const MAX_INT64 = 2n ** 63n - 1n;
/** Faults that make the whole body unreadable, so that nothing else is said. */
const WHOLE_BODY = new Set(['malformed_json', 'too_deep', 'invalid_utf8']);

/** @returns the binder of a route; it throws a `Refusal` that lists every fault. */
export function createBinder(route: Route): Bind {
  const readBody = bodyReader(route);
  return (raw) => {
    const faults: FieldFault[] = [];
    const message = readBody(raw.body, faults) ?? create(route.method.input);
    bindVariables(route, raw.variables, message, faults);
    if (raw.query !== '') bindQuery(route, raw.query, message, faults);
    if (faults.length > 0) throw refuseHttp('invalid_request', { faults }, { errors: faults });
    if (raw.ifMatch !== undefined) bindIfMatch(route, raw.ifMatch, message);
    return message;
  };
}

function bodyReader(route: Route): (body: Uint8Array | undefined, faults: FieldFault[]) => Message | undefined {
  const { body: bound, method } = route;
  if (bound === undefined) {
    return (body) => {
      if (body !== undefined && body.length > 0) throw refuseHttp('unexpected_body', {});
      return undefined;
    };
  }
  const decode = bound === '*' ? (body: Uint8Array) => decodeJson(method.input, body) : fieldBody(route, bound);
  return (body, faults) => {
    if (body === undefined || body.length === 0) throw refuseHttp('empty_body', {});
    const { message, faults: found } = decode(body);
    if (found === undefined) return message;
    const first = found[0] as FieldFault;
    if (WHOLE_BODY.has(first.code)) throw refuseHttp('malformed_body', { why: first.detail }, { errors: found });
    faults.push(...found);
    return undefined;
  };
}

function fieldBody(route: Route, field: DescField) {
  const decode = fieldDecoder(field);
  return (body: Uint8Array) => {
    const { value, faults } = decode(body);
    if (faults !== undefined) return { faults };
    const message = create(route.method.input) as Message;
    setField(message, [field], value);
    return { message, faults: undefined };
  };
}

function bindVariables(route: Route, values: readonly string[], message: Message, faults: FieldFault[]): void {
  for (const [at, variable] of route.variables.entries()) {
    const value = readText(variable, values[at] ?? '', `{${variable.name}}`, faults);
    if (value === undefined) continue;
    // A caller may send the whole resource back: its id must then be the one of the path.
    const given = getField(message, variable.steps);
    if (given !== undefined && given !== value && given !== 0n && given !== '' && given !== 0) {
      const detail = `${variable.name} in the body must be the one in the path, or left out`;
      faults.push({ pointer: variable.pointer, code: 'path_mismatch', detail });
    }
    setField(message, variable.steps, value);
  }
}

function bindQuery(route: Route, query: string, message: Message, faults: FieldFault[]): void {
  const pairs = parseQuery(query);
  if (pairs === undefined) throw refuseHttp('malformed_url', {});
  const given = new Set<string>();
  const lists = new Map<TextField, unknown[]>();
  for (const [name, text] of pairs) {
    const pointer = `?${name.slice(0, 100)}`;
    const field = route.query.get(name);
    if (!field) {
      faults.push({
        pointer,
        code: 'unknown_parameter',
        detail: `${name.slice(0, 100)} is not a parameter of this route`,
      });
    } else if (given.has(name) && !field.isList) {
      faults.push({ pointer, code: 'duplicate_parameter', detail: `${name} is given more than once` });
    } else {
      const value = readText(field, text, pointer, faults);
      if (value !== undefined && !field.isList) setField(message, field.steps, value);
      else if (value !== undefined) lists.set(field, [...(lists.get(field) ?? []), value]);
    }
    given.add(name);
    if (faults.length >= 50) return;
  }
  for (const [field, values] of lists) setField(message, field.steps, values);
}

/** RFC 9110, 13.1.1. `*` asks only that there is something, which a change finds out by itself. */
function bindIfMatch(route: Route, ifMatch: string, message: Message): void {
  if (route.httpMethod === 'GET' || ifMatch.trim() === '*') return;
  const { revision } = route;
  if (revision === undefined) {
    throw refuseHttp('malformed_request', { why: 'This route does not know If-Match' });
  }
  if (ifMatch.trim() === '' || ifMatch.includes(',')) {
    throw refuseHttp('malformed_request', { why: 'If-Match must be one entity tag, such as "3", or *' });
  }
  const digits = /^"([1-9][0-9]{0,17})"$/.exec(ifMatch.trim())?.[1];
  // What is no tag of ours can match nothing: it asks for a revision that nothing reaches.
  const asked = digits === undefined ? MAX_INT64 : BigInt(digits);
  const given = getField(message, [revision]) as bigint;
  // The service says what is wrong with it.
  if (given < 0n) return;
  if (given !== 0n && given !== asked) throw refuseHttp('revision_mismatch', {});
  setField(message, [revision], asked);
}

/** Turns pointers of a service's refusal, into the request message, into what the caller sent: `?limit`, `{id}`. */
export function callerPointers(route: Route, faults: readonly FieldFault[]): FieldFault[] {
  const inBody = route.body !== undefined && route.body !== '*' ? `/${jsonNameOf(route.body)}` : undefined;
  return faults.map((fault) => {
    const variable = route.variables.find((candidate) => candidate.pointer === fault.pointer);
    if (variable) return { ...fault, pointer: `{${variable.name}}` };
    for (const field of route.query.values()) {
      if (fault.pointer === field.pointer || fault.pointer.startsWith(`${field.pointer}/`)) {
        return { ...fault, pointer: `?${field.name}` };
      }
    }
    if (inBody !== undefined && (fault.pointer === inBody || fault.pointer.startsWith(`${inBody}/`))) {
      return { ...fault, pointer: fault.pointer.slice(inBody.length) };
    }
    return fault;
  });
}

/** The same for a whole refusal. @returns undefined when there is nothing to turn. */
export function errorsForCaller(route: Route, refusal: Refusal): FieldFault[] | undefined {
  const { errors } = refusal.options;
  return errors === undefined || errors.length === 0 ? undefined : callerPointers(route, errors);
}
