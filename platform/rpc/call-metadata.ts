// The facts of a call as gRPC metadata, both ways. What comes in is checked: ids that are no ids are replaced, never
// trusted into logs.
import { Metadata } from '@grpc/grpc-js';
import type { Caller, CallMeta } from '../service/context.ts';
import { uuidv7 } from '../time/index.ts';
import { adoptTraceparent } from '../tracing/index.ts';
import { type Call, type Credentials, callerName, parseCaller } from './call.ts';

export const REPLAYED = 'idempotent-replayed';
const CALLER = 'x-tradepost-caller';
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
const ID = /^[\x21-\x7e]{1,128}$/;

export function writeMetadata({ meta, credentials }: Call): Metadata {
  const metadata = new Metadata();
  metadata.set('x-request-id', meta.requestId);
  metadata.set('x-correlation-id', meta.correlationId);
  metadata.set(CALLER, callerName(meta.caller));
  if (meta.causationId !== undefined) metadata.set('x-causation-id', meta.causationId);
  if (meta.traceparent !== undefined) metadata.set('traceparent', meta.traceparent);
  if (meta.idempotencyKey !== undefined) {
    // Metadata holds printable ASCII; a key may be any text.
    if (PRINTABLE.test(meta.idempotencyKey)) metadata.set('idempotency-key', meta.idempotencyKey);
    else metadata.set('idempotency-key-bin', Buffer.from(meta.idempotencyKey));
  }
  if (credentials?.authorization !== undefined) metadata.set('authorization', credentials.authorization);
  if (credentials?.apiKey !== undefined) metadata.set('x-api-key', credentials.apiKey);
  return metadata;
}

export interface ReadMetadata {
  readonly cause: Omit<CallMeta, 'caller' | 'deadlineMs'>;
  /** Whom the caller says to be. */
  readonly claimedCaller: Caller | undefined;
  readonly credentials: Credentials;
}

export function readMetadata(metadata: Metadata): ReadMetadata {
  const text = (name: string, pattern: RegExp): string | undefined => {
    const [value] = metadata.get(name);
    return typeof value === 'string' && pattern.test(value) ? value : undefined;
  };
  const requestId = text('x-request-id', ID) ?? uuidv7();
  const causationId = text('x-causation-id', ID);
  const traceparent = adoptTraceparent(metadata.get('traceparent')[0]);
  const idempotencyKey = readKey(metadata);
  const claimed = text(CALLER, ID);
  const authorization = text('authorization', /./);
  const apiKey = text('x-api-key', /./);
  return {
    cause: {
      requestId,
      correlationId: text('x-correlation-id', ID) ?? requestId,
      ...(causationId === undefined ? {} : { causationId }),
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    },
    claimedCaller: claimed === undefined ? undefined : parseCaller(claimed),
    credentials: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(apiKey === undefined ? {} : { apiKey }),
    },
  };
}

function readKey(metadata: Metadata): string | undefined {
  const [key] = metadata.get('idempotency-key');
  if (typeof key === 'string' && key !== '') return key;
  const [bytes] = metadata.get('idempotency-key-bin');
  return bytes instanceof Buffer ? bytes.toString() : undefined;
}
