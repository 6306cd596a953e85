// What an event is to the code: its payload's schema with the topic, key and owner that its proto declares. Only the
// generated catalogue makes these, so publishing or consuming anything undeclared does not compile.
import { type DescField, type DescMessage, type DescService, getOption } from '@bufbuild/protobuf';
import { publishes } from './gen/tradepost/options/v1/options_pb.ts';

declare const declared: unique symbol;

export interface EventDeclaration<Payload extends DescMessage = DescMessage, Owner extends string = string> {
  readonly [declared]: true;
  /** Past tense: `UserCreated`. */
  readonly name: string;
  /** CloudEvents type: `tradepost.user.v1.UserCreated`. */
  readonly type: string;
  readonly topic: string;
  /** Number of partitions of the topic, fixed for life. */
  readonly partitions: number;
  /** The service that alone may publish it. */
  readonly owner: Owner;
  readonly payload: Payload;
  /** Its value orders events: the partition key. */
  readonly keyField: DescField;
  /** Written as `event_type` in front of the value where the topic carries several types. */
  readonly eventType: string | undefined;
  /** Whether the owner takes in plain records without our headers. */
  readonly foreign: boolean;
  readonly summary: string;
}

export const DEFAULT_PARTITIONS = 8;

/** Used by the generated catalogue alone. */
export function declareEvent<P extends DescMessage, O extends string>(
  service: DescService,
  payload: P,
  name: string,
  owner: O,
): EventDeclaration<P, O> {
  const event = getOption(service, publishes).find((candidate) => candidate.name === name);
  const keyField = payload.fields.find((field) => field.name === event?.key);
  if (!event || !keyField) throw new Error(`${service.typeName}: ${name} has no declaration or no key field`);
  return {
    name,
    type: `${service.file.proto.package}.${name}`,
    topic: event.topic,
    partitions: event.partitions || DEFAULT_PARTITIONS,
    owner,
    payload,
    keyField,
    eventType: event.eventType || undefined,
    foreign: event.foreign,
    summary: event.summary,
  } as EventDeclaration<P, O>;
}
