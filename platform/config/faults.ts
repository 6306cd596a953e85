// Everything that is wrong with a configuration, told at once: each fault says where it came from and what to paste.

export interface ConfigFault {
  /** `http.port`; absent when the fault is the file's as a whole. */
  readonly key?: string;
  /** `environment variable HTTP_PORT`, `flag --http-port`, `tradepost.yaml:3`. */
  readonly source: string;
  /** A sentence, without the value of a secret. */
  readonly detail: string;
  /** The line to paste, or what to do. */
  readonly fix: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config_invalid';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map((fault) => `${fault.detail} (${fault.source}). Fix: ${fault.fix}`).join('\n'));
    this.faults = faults;
  }
}

/** Edit distance, insertions, deletions and replacements counting one each. */
function distance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replace = (previous[column - 1] as number) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const insertOrDelete = Math.min(current[column - 1] as number, previous[column] as number) + 1;
      current.push(Math.min(replace, insertOrDelete));
    }
    previous = current;
  }
  return previous[right.length] as number;
}

/** @returns the candidate that was probably meant, if one is near enough. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 3));
  let best: { name: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const apart = distance(name.toLowerCase(), candidate.toLowerCase());
    if (apart <= limit && apart < (best?.distance ?? Infinity)) best = { name: candidate, distance: apart };
  }
  return best?.name;
}
