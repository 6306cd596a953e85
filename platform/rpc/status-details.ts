// A refusal on the wire: google.rpc.Status with ErrorInfo (code, title, facts), BadRequest (faults of fields) and
// RetryInfo. Decoding gives back the same refusal.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyIs, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@tradepost/contracts/grpc-error-details';
import { StatusSchema } from '@tradepost/contracts/grpc-status';
import { grpcCodeOf, Refusal, type RefusalOptions, statusOfGrpcCode } from '../errors/index.ts';
import { refusalOfStatus } from './call-refusals.ts';

const DOMAIN = 'tradepost';
const MAX_FAULTS_ON_WIRE = 50;
// Metadata is the place that the standard leaves for facts of one's own.
const TITLE = 'tradepost-title';
const HTTP_STATUS = 'tradepost-http-status';

export function encodeRefusal({ code, status, title, message, options }: Refusal): Uint8Array {
  const metadata: Record<string, string> = { ...options.metadata, [TITLE]: title };
  if (options.httpStatus !== undefined) metadata[HTTP_STATUS] = String(options.httpStatus);
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: code, domain: DOMAIN, metadata }))];
  if (options.errors !== undefined) {
    const fieldViolations = options.errors
      .slice(0, MAX_FAULTS_ON_WIRE)
      .map((fault) => ({ field: fault.pointer, reason: fault.code, description: fault.detail }));
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (options.retryAfterSeconds !== undefined) {
    const seconds = Math.floor(options.retryAfterSeconds);
    const retryDelay = { seconds: BigInt(seconds), nanos: Math.round((options.retryAfterSeconds - seconds) * 1e9) };
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return toBinary(StatusSchema, create(StatusSchema, { code: grpcCodeOf(status), message, details }));
}

/** @param what whom the call was for, for statuses that come without our details. */
export function decodeRefusal(bytes: Uint8Array, what: string): Refusal {
  const { code, message, details } = fromBinary(StatusSchema, bytes);
  const status = statusOfGrpcCode(code);
  const info = unpack(details, ErrorInfoSchema);
  if (info === undefined || info.domain !== DOMAIN) return refusalOfStatus(status, message, what);
  const { [TITLE]: title = '', [HTTP_STATUS]: httpStatus, ...metadata } = info.metadata;
  const faults = unpack(details, BadRequestSchema)?.fieldViolations;
  const delay = unpack(details, RetryInfoSchema)?.retryDelay;
  const options: RefusalOptions = {
    ...(faults === undefined
      ? {}
      : {
          errors: faults.map(({ field, reason, description }) => ({
            pointer: field,
            code: reason,
            detail: description,
          })),
        }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(delay === undefined ? {} : { retryAfterSeconds: Number(delay.seconds) + delay.nanos / 1e9 }),
    ...(httpStatus === undefined ? {} : { httpStatus: Number(httpStatus) }),
  };
  return new Refusal(info.reason, status, title, message, options);
}

type Detail = typeof ErrorInfoSchema | typeof BadRequestSchema | typeof RetryInfoSchema;
type Details = Parameters<typeof anyUnpack>[0][];

function unpack<S extends Detail>(details: Details, schema: S): ReturnType<typeof anyUnpack<S>> {
  const detail = details.find((candidate) => anyIs(candidate, schema));
  return detail === undefined ? undefined : anyUnpack(detail, schema);
}
