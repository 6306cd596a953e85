// From an event and its payload to the row that the outbox stores. What is refused here fails the producer's
// transaction, so that no consumer ever meets it.
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import type { EventDeclaration } from '@tradepost/contracts/declare-event';
import { encodeJson } from '../json/index.ts';
import type { Cause } from '../service/index.ts';
import { uuidv7 } from '../time/index.ts';
import { partOfKey } from './part-of-key.ts';

/** Brokers refuse 1 MiB by default, headers included. */
export const MAX_VALUE_BYTES = 768 * 1024;

/** The payload breaks its schema's rules, is too large, or is not this service's to publish: a bug of the producer. */
export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError';
}

export interface OutboxRow {
  readonly topic: string;
  readonly part: number;
  readonly key: string;
  readonly id: string;
  readonly type: string;
  readonly occurredAt: Date;
  readonly cause: Cause;
  readonly origin?: string;
  readonly value: Buffer;
}

const validator = createValidator();

/** @throws InvalidEventError */
export function encodeEvent<P extends DescMessage>(
  event: EventDeclaration<P>,
  payload: MessageInitShape<P>,
  cause: Cause,
  now: Date,
): OutboxRow {
  const message = create(event.payload, payload) as MessageShape<P>;
  const checked = validator.validate(event.payload, message);
  if (checked.kind !== 'valid') throw new InvalidEventError(`${event.name} breaks its schema: ${checked.error}`);
  const value = Buffer.from(encodeValue(event, message), 'utf8');
  if (value.length > MAX_VALUE_BYTES) {
    throw new InvalidEventError(`${event.name} has ${value.length} bytes; a value may have ${MAX_VALUE_BYTES}.`);
  }
  const key = keyOf(event, message);
  return {
    topic: event.topic,
    part: partOfKey(key, event.partitions),
    key,
    id: uuidv7(),
    type: event.type,
    occurredAt: now,
    cause,
    value,
  };
}

/** The value's JSON, with `event_type` in front where the topic carries several types. */
export function encodeValue<P extends DescMessage>(event: EventDeclaration<P>, message: MessageShape<P>): string {
  const json = encodeJson(event.payload, message);
  if (event.eventType === undefined) return json;
  const type = `{"event_type":${JSON.stringify(event.eventType)}`;
  return json === '{}' ? `${type}}` : `${type},${json.slice(1)}`;
}

function keyOf<P extends DescMessage>(event: EventDeclaration<P>, message: MessageShape<P>): string {
  const key: unknown = (message as unknown as Record<string, unknown>)[event.keyField.localName];
  if (typeof key === 'bigint' || typeof key === 'number') return String(key);
  if (typeof key === 'string' && key !== '') return key;
  throw new InvalidEventError(`${event.name} has no value in its key field ${event.keyField.name}.`);
}
