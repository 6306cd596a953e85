// How an event and a parked message are shown to operators.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { LogRecord, ParkedMessage } from '../events/index.ts';

const decoder = new TextDecoder();

export function toEventMessage(record: LogRecord) {
  return {
    id: record.id,
    producer: record.producer,
    type: record.type,
    topic: record.topic,
    partition: record.part,
    sequence: record.sequence,
    key: record.key,
    occurredAt: timestampFromDate(record.occurredAt),
    correlationId: record.correlationId,
    causationId: record.causationId ?? '',
    traceparent: record.traceparent ?? '',
    value: decoder.decode(record.value),
    incarnation: record.incarnation,
  };
}

export function toParkedMessage(service: string, parked: ParkedMessage) {
  return {
    id: parked.id,
    service,
    consumer: parked.consumer,
    event: toEventMessage({
      ...parked,
      id: parked.messageId,
      causationId: parked.causationId ?? '',
      traceparent: parked.traceparent ?? '',
    }),
    state: parked.state,
    attempts: parked.attempts,
    ...(parked.firstFailedAt === undefined ? {} : { firstFailedAt: timestampFromDate(parked.firstFailedAt) }),
    ...(parked.nextAt === undefined ? {} : { nextAttemptAt: timestampFromDate(parked.nextAt) }),
    error: parked.error,
    stack: parked.stack,
    fingerprint: parked.fingerprint,
    heldBehind: BigInt(parked.heldBehind),
    note: parked.note,
    originalValue: parked.originalValue === undefined ? '' : decoder.decode(parked.originalValue),
  };
}
