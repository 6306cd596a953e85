// What may be larger than the limits, each with the reason that a reviewer accepted. An entry that is no longer needed
// is a fault too, so that the list only holds what is true.

export interface Reviewed {
  readonly path: string;
  /** The function's name, where it is a function that is long. */
  readonly function?: string;
  readonly reason: string;
}

export const reviewed: readonly Reviewed[] = [];

/** Files of the platform, outside its clock, that read the wall clock all the same. */
export const wallClockReaders: readonly { readonly path: string; readonly reason: string }[] = [
  { path: 'platform/rpc/grpc-server.ts', reason: 'grpc-js gives deadlines as dates of the wall clock' },
  { path: 'platform/rpc/grpc-transport.ts', reason: 'grpc-js takes deadlines as dates of the wall clock' },
];
