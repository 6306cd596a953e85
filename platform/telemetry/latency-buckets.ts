// The buckets that every latency shares, so that any two can be compared.

/** Seconds, from half a millisecond to ten seconds: most of our work takes single milliseconds. */
export const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
