// Refusals as gRPC statuses, both ways.
import { Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { grpcCodeOf, type Refusal, statusOfGrpcCode } from '../errors/index.ts';
import { refusalOfStatus } from './call-refusals.ts';
import { decodeRefusal, encodeRefusal } from './status-details.ts';

const DETAILS = 'grpc-status-details-bin';

export function statusOfRefusal(refusal: Refusal, metadata = new Metadata()): StatusObject {
  metadata.set(DETAILS, Buffer.from(encodeRefusal(refusal)));
  return { code: grpcCodeOf(refusal.status), details: refusal.message, metadata };
}

/** @param what whom the call was for. */
export function refusalOfServiceError(error: ServiceError, what: string): Refusal {
  const [details] = error.metadata?.get(DETAILS) ?? [];
  if (details instanceof Buffer) {
    try {
      return decodeRefusal(details, what);
    } catch {
      // Details of somebody else's making: the status alone is left.
    }
  }
  return refusalOfStatus(statusOfGrpcCode(error.code), error.details, what);
}
