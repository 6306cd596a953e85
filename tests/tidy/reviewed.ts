// What may be larger than the limits, each with the reason that a reviewer accepted. An entry that is no longer needed
// is a fault too, so that the list only holds what is true.

export interface Reviewed {
  readonly path: string;
  /** The function's name, where it is a function that is long. */
  readonly function?: string;
  readonly reason: string;
}

export const reviewed: readonly Reviewed[] = [];
