// Tells an outage from poison: when several keys fail one after another in the same way, the fault is not theirs.

export interface OutageDetector {
  succeeded(): void;
  /** @returns whether this failure makes it an outage. */
  failed(key: string, fingerprint: string): boolean;
}

/** @param keys different keys that fail with one fingerprint, with no success between, to make an outage. */
export function createOutageDetector(keys = 5): OutageDetector {
  let fingerprint = '';
  const seen = new Set<string>();
  return {
    succeeded() {
      seen.clear();
    },
    failed(key, failure) {
      if (failure !== fingerprint) seen.clear();
      fingerprint = failure;
      seen.add(key);
      return seen.size >= keys;
    },
  };
}
