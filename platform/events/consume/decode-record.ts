// From a record of the log to the message that a reaction sees. A record that fits no schema is dead at once: waiting
// would not mend it.
import type { DescMessage } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import type { EventDeclaration } from '@tradepost/contracts/declare-event';
import { decodeJson } from '../../json/index.ts';
import type { Received } from '../../service/index.ts';
import type { LogRecord } from '../log/index.ts';

/** The value cannot be read as what its type says. */
export class UnreadableMessageError extends Error {
  override readonly name = 'UnreadableMessageError';
}

export type MessageDecoder = (record: LogRecord, attempt: number) => Received;

/** @returns a decoder that throws `UnreadableMessageError`, and the types that it knows. */
export function createMessageDecoder(declarations: readonly EventDeclaration[]): {
  readonly types: ReadonlySet<string>;
  readonly decode: MessageDecoder;
} {
  const byType = new Map(declarations.map((event) => [event.type, event]));
  const validator = createValidator();
  return {
    types: new Set(byType.keys()),
    decode(record, attempt) {
      const event = byType.get(record.type);
      if (event === undefined) throw new UnreadableMessageError(`nothing here handles ${record.type}`);
      const value = decodeValue(event, record.value);
      const checked = validator.validate(event.payload, value);
      if (checked.kind !== 'valid') throw new UnreadableMessageError(`${event.name}: ${checked.error}`);
      return receive(record, event, value, attempt);
    },
  };
}

function receive(record: LogRecord, event: EventDeclaration, value: Received['value'], attempt: number): Received {
  return {
    id: record.id,
    event,
    value,
    key: record.key,
    producer: record.producer,
    topic: record.topic,
    part: record.part,
    sequence: record.sequence,
    occurredAt: record.occurredAt,
    attempt,
    cause: {
      requestId: record.requestId,
      correlationId: record.correlationId,
      causationId: record.id,
      ...(record.traceparent === undefined ? {} : { traceparent: record.traceparent }),
    },
  };
}

function decodeValue(event: EventDeclaration<DescMessage>, value: Uint8Array): Received['value'] {
  // Fields of a newer producer, and the `event_type` that stands before the value of a shared topic, are passed over.
  const decoded = decodeJson(event.payload, value, { ignoreUnknown: true });
  if (decoded.message !== undefined) return decoded.message;
  const faults = decoded.faults.slice(0, 10).map((fault) => `${fault.pointer} ${fault.detail}`);
  throw new UnreadableMessageError(`${event.name}: ${faults.join('; ')}`);
}

/** @returns why the value cannot stand for a message of this type and key; undefined when it can. */
export function checkEditedValue(
  declarations: readonly EventDeclaration[],
  message: { readonly type: string; readonly key: string; readonly value: Uint8Array },
): string | undefined {
  const event = declarations.find((candidate) => candidate.type === message.type);
  if (event === undefined) return `Nothing here handles ${message.type}.`;
  try {
    const value = decodeValue(event, message.value);
    const checked = createValidator().validate(event.payload, value);
    if (checked.kind !== 'valid') return `${event.name}: ${checked.error}`;
    const key = String((value as unknown as Record<string, unknown>)[event.keyField.localName]);
    return key === message.key ? undefined : `The key of a message stays as it is: ${message.key}, not ${key}.`;
  } catch (error) {
    if (error instanceof UnreadableMessageError) return error.message;
    throw error;
  }
}
