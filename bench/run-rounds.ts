// Runs baseline and product in turn, so that both meet the same moods of the machine, and judges the medians.
import type { Effort, Measure, Round, Sample } from './measure.ts';

/** A baseline that swings by more says that the machine was busy with something else. */
const LARGEST_SWING = 1.4;

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly product: Spread;
  readonly baseline?: Spread;
  /** Product / baseline, of each round. */
  readonly ratio?: Spread;
  readonly goal: string;
  readonly verdict: 'met' | 'missed' | 'void' | '';
  /** CPU seconds per 1000 operations. */
  readonly cpu: { readonly product?: number | undefined; readonly baseline?: number | undefined };
}

export async function runRounds(measure: Measure, effort: Effort): Promise<Result> {
  for (let round = 0; round < effort.warmUps; round += 1) {
    await measure.baseline?.();
    await measure.product();
  }
  const baselines: Sample[] = [];
  const products: Sample[] = [];
  for (let round = 0; round < effort.rounds; round += 1) {
    if (measure.baseline !== undefined) baselines.push(await runOne(measure.name, measure.baseline));
    products.push(await runOne(measure.name, measure.product));
  }
  return judge(measure, baselines, products);
}

async function runOne(name: string, round: Round): Promise<Sample> {
  const sample = await round();
  if (!Number.isFinite(sample.value)) throw new Error(`${name}: a round came to ${sample.value}.`);
  return sample;
}

function judge({ name, unit, goal }: Measure, baselines: readonly Sample[], products: readonly Sample[]): Result {
  const product = spreadOf(products.map(({ value }) => value));
  const cpu = { product: cpuOf(products), baseline: cpuOf(baselines) };
  const shared = { name, unit, product, cpu };
  if (baselines.length === 0) {
    const met = goal?.atMost === undefined ? '' : product.median <= goal.atMost ? 'met' : 'missed';
    return { ...shared, goal: goal?.atMost === undefined ? '' : `≤ ${goal.atMost} ${unit}`, verdict: met };
  }
  const baseline = spreadOf(baselines.map(({ value }) => value));
  const ratio = spreadOf(products.map(({ value }, place) => value / (baselines[place] as Sample).value));
  const isSteady = baseline.max / baseline.min <= LARGEST_SWING;
  if (goal === undefined) return { ...shared, baseline, ratio, goal: '', verdict: isSteady ? '' : 'void' };
  const met = goal.ratio === undefined ? product.median <= (goal.atMost ?? 0) : ratio.median >= goal.ratio;
  return {
    ...shared,
    ...{ baseline, ratio },
    goal: goal.ratio === undefined ? `≤ ${goal.atMost} ${unit}` : `ratio ≥ ${goal.ratio}`,
    verdict: isSteady ? (met ? 'met' : 'missed') : 'void',
  };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  return { median: percentile(sorted, 0.5), min: sorted[0] as number, max: sorted.at(-1) as number };
}

/** @param sorted ascending. */
export function percentile(sorted: readonly number[], share: number): number {
  if (share === 0.5 && sorted.length % 2 === 0) {
    return ((sorted[sorted.length / 2 - 1] as number) + (sorted[sorted.length / 2] as number)) / 2;
  }
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

function cpuOf(samples: readonly Sample[]): number | undefined {
  const known = samples.filter(({ cpuSeconds }) => cpuSeconds !== undefined);
  if (known.length === 0) return undefined;
  const seconds = known.reduce((sum, { cpuSeconds = 0 }) => sum + cpuSeconds, 0);
  return (seconds * 1000) / known.reduce((sum, { operations }) => sum + operations, 0);
}
