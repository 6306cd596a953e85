// The one place that says what a status is called in gRPC (canonical codes) and in HTTP (google.rpc.Code's mapping).
import type { StatusName } from './refusal.ts';

const STATUSES: Readonly<Record<StatusName, { grpc: number; http: number }>> = {
  CANCELLED: { grpc: 1, http: 499 },
  UNKNOWN: { grpc: 2, http: 500 },
  INVALID_ARGUMENT: { grpc: 3, http: 400 },
  DEADLINE_EXCEEDED: { grpc: 4, http: 504 },
  NOT_FOUND: { grpc: 5, http: 404 },
  ALREADY_EXISTS: { grpc: 6, http: 409 },
  PERMISSION_DENIED: { grpc: 7, http: 403 },
  RESOURCE_EXHAUSTED: { grpc: 8, http: 429 },
  FAILED_PRECONDITION: { grpc: 9, http: 409 },
  ABORTED: { grpc: 10, http: 409 },
  OUT_OF_RANGE: { grpc: 11, http: 400 },
  UNIMPLEMENTED: { grpc: 12, http: 501 },
  INTERNAL: { grpc: 13, http: 500 },
  UNAVAILABLE: { grpc: 14, http: 503 },
  DATA_LOSS: { grpc: 15, http: 500 },
  UNAUTHENTICATED: { grpc: 16, http: 401 },
};

const NAMES = new Map(Object.entries(STATUSES).map(([name, { grpc }]) => [grpc, name as StatusName]));

export function grpcCodeOf(status: StatusName): number {
  return STATUSES[status].grpc;
}

export function httpStatusOf(status: StatusName): number {
  return STATUSES[status].http;
}

/** @returns the name of a gRPC status number; UNKNOWN for one that does not exist. */
export function statusOfGrpcCode(code: number): StatusName {
  return NAMES.get(code) ?? 'UNKNOWN';
}
