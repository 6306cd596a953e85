// Checks a request against the rules in its proto, and says every fault at once in sentences for a person.
import type { DescMessage, Message } from '@bufbuild/protobuf';
import { createValidator, type Violation } from '@bufbuild/protovalidate';
import type { FieldFault, Refusal } from '../errors/index.ts';
import { refuseCall } from './call-refusals.ts';
import { findUnstorableText } from './unstorable-text.ts';

const MAX_FAULTS = 100;
const validator = createValidator();

/** @returns why the request is refused, or undefined when nothing is wrong with it. */
export function refusalOfRequest(schema: DescMessage, request: Message): Refusal | undefined {
  const faults = faultsOf(schema, request);
  return faults.length === 0 ? undefined : refuseInvalid(faults);
}

/** `invalid_request` with these faults. */
export function refuseInvalid(faults: readonly FieldFault[]): Refusal {
  return refuseCall('invalid_request', { faults }, { errors: faults.slice(0, MAX_FAULTS) });
}

/** Every fault of a message; pointers are in proto field names. @throws when a rule itself is broken: a bug. */
export function faultsOf(schema: DescMessage, message: Message): FieldFault[] {
  const text = findUnstorableText(schema, message);
  const result = validator.validate(schema, message);
  if (result.kind === 'error') throw result.error;
  const faults = text.map((pointer) => ({
    pointer,
    code: 'unstorable_text',
    detail: `${lastName(pointer)} must not contain the character NUL`,
  }));
  if (result.kind === 'invalid') faults.push(...result.violations.map(faultOf));
  return faults;
}

// The form of one line of text: a person's name, a subject.
const NO_CONTROLS = '^[^\\x00-\\x1f\\x7f-\\x9f]*$';

function faultOf(violation: Violation): FieldFault {
  let pointer = '';
  let name = '';
  for (const step of violation.field) {
    if (step.kind === 'list_sub') pointer += `/${step.index}`;
    else if (step.kind === 'map_sub') pointer += `/${escapePointer(String(step.key))}`;
    else {
      name = step.name;
      pointer += `/${escapePointer(name)}`;
    }
  }
  return { pointer, code: violation.ruleId, detail: `${name || 'The request'} ${sentenceOf(violation)}` };
}

/** RFC 6901. */
function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function lastName(pointer: string): string {
  return pointer.split('/').findLast((part) => !/^\d*$/.test(part)) ?? 'The request';
}

const SENTENCES: Readonly<Record<string, string>> = {
  required: 'is required',
  'string.email': 'must be a valid e-mail address',
  'string.email_empty': 'must be a valid e-mail address',
  'string.uuid': 'must be a UUID',
  'string.uuid_empty': 'must be a UUID',
  'string.uri': 'must be a URI',
  'string.uri_empty': 'must be a URI',
  'string.hostname': 'must be a host name',
  'string.ip': 'must be an IP address',
  'enum.defined_only': 'must be one of the values that are defined',
  'repeated.unique': 'must not repeat an item',
};

function sentenceOf(violation: Violation): string {
  const known = SENTENCES[violation.ruleId];
  if (known !== undefined) return known;
  if (violation.ruleId === 'string.pattern') {
    const pattern = /`(.*)`/s.exec(violation.message)?.[1];
    if (pattern === NO_CONTROLS) return 'must not contain control characters, line breaks among them';
    return pattern === undefined ? 'has the wrong form' : `must match ${pattern}`;
  }
  const count = Number(/\d+/.exec(violation.message)?.[0]);
  switch (violation.ruleId) {
    case 'string.min_len':
      return count === 1 ? 'must not be empty' : `must have at least ${count} characters`;
    case 'string.max_len':
      return `must have at most ${count} ${count === 1 ? 'character' : 'characters'}`;
    case 'repeated.min_items':
      return count === 1 ? 'must not be empty' : `must have at least ${count} items`;
    case 'repeated.max_items':
      return `must have at most ${count} ${count === 1 ? 'item' : 'items'}`;
    default:
      return violation.message.startsWith('must ') ? violation.message : `is not valid: ${violation.message}`;
  }
}
