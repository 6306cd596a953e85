// What a measurement is: a product, mostly beside a baseline that does the least of the same work, and the goal for it.

/** What one round of one side came to. */
export interface Sample {
  /** In the measure's unit. */
  readonly value: number;
  /** Operations that the CPU time is spread over. */
  readonly operations: number;
  /** CPU of the process under test and of PostgreSQL; absent where it says nothing. */
  readonly cpuSeconds?: number | undefined;
}

export type Round = () => Promise<Sample>;

/** `atLeast` and `atMost` hold for the product's value, `ratio` for product / baseline. */
export interface Goal {
  readonly ratio?: number;
  readonly atMost?: number;
}

export interface Measure {
  readonly name: string;
  /** `/s`, `ms`, `MB` … Of a rate more is better, of the others less. */
  readonly unit: string;
  readonly baseline?: Round;
  readonly product: Round;
  readonly goal?: Goal;
}

export interface Effort {
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before them. */
  readonly warmUps: number;
  /** Length of a round that is bound by time. */
  readonly secondsPerRound: number;
  /** Events of a round that is bound by number. */
  readonly eventsPerRound: number;
}

/** Runs a measure's rounds and keeps what they came to. */
export type RunMeasure = (measure: Measure) => Promise<void>;

/** One file of `bench/`: prepares what its measures need, runs them one after the other, and cleans up. */
export interface Bench {
  readonly name: string;
  readonly summary: string;
  run(effort: Effort, measure: RunMeasure): Promise<void>;
}

/** Outcomes are checked: what was answered must be stored. @throws when the numbers differ. */
export function requireEqual(what: string, found: number | bigint, expected: number | bigint): void {
  if (BigInt(found) !== BigInt(expected)) throw new Error(`${what}: ${found}, where ${expected} were expected.`);
}
