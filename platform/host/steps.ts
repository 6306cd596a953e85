// The steps of a start, for whoever shows them.

export interface Step {
  /** `PostgreSQL`, `Migrations`, `Services`. */
  readonly name: string;
  readonly detail: string;
  readonly durationMs: number;
}

/** Runs a step, and tells of it once it is done. */
export type ReportStep = <T>(name: string, run: () => Promise<T>, describe: (result: T) => string) => Promise<T>;

/** A step that failed: its name goes before the reason. */
export class StepError extends Error {
  override readonly name = 'StepError';
  readonly step: string;

  constructor(step: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.step = step;
  }
}

export function createStepReport(onStep: (step: Step) => void): ReportStep {
  return async (name, run, describe) => {
    const startedMs = performance.now();
    try {
      const result = await run();
      onStep({ name, detail: describe(result), durationMs: performance.now() - startedMs });
      return result;
    } catch (error) {
      throw new StepError(name, error);
    }
  };
}
