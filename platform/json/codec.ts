// JSON for REST and for event values, from the descriptors.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { FieldFault } from '../errors/index.ts';

export interface DecodeOptions {
  /** Skip fields that the schema does not have (events of a newer producer); REST refuses them by name. */
  readonly ignoreUnknown?: boolean;
}

export type Decoded<M extends DescMessage> =
  | { readonly message: MessageShape<M>; readonly faults?: undefined }
  | { readonly message?: undefined; readonly faults: readonly FieldFault[] };

/** Compact JSON in proto field names; int64 as numbers (strings past 2^53), absent optional fields left out. */
export function encodeJson<M extends DescMessage>(_schema: M, _message: MessageShape<M>): string {
  throw new Error('not written yet');
}

/** @returns the message, or every fault of the text at once. */
export function decodeJson<M extends DescMessage>(
  _schema: M,
  _text: string | Uint8Array,
  _options: DecodeOptions = {},
): Decoded<M> {
  throw new Error('not written yet');
}
