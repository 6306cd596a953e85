// The table of results, as Markdown that also reads well on a terminal.
import type { Result, Spread } from './run-rounds.ts';

const HEADINGS = ['Measure', 'Baseline', 'Product', 'Ratio', 'Goal', '', 'CPU s per 1000: baseline', 'product'];

export function printTable(results: readonly Result[]): string {
  const rows = [HEADINGS, ...results.map(rowOf)];
  const widths = HEADINGS.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] as number)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(rows[0] as string[]), rule, ...rows.slice(1).map(line)].join('\n');
}

function rowOf({ name, unit, baseline, product, ratio, goal, verdict, cpu }: Result): string[] {
  return [
    name,
    baseline === undefined ? '' : spread(baseline, unit),
    spread(product, unit),
    ratio === undefined ? '' : spread(ratio, ''),
    goal,
    verdict,
    seconds(cpu.baseline),
    seconds(cpu.product),
  ];
}

function spread({ median, min, max }: Spread, unit: string): string {
  const range = min === max ? '' : ` (${number(min)}–${number(max)})`;
  return `${number(median)}${unit === '' || unit === '/s' ? unit : ` ${unit}`}${range}`;
}

function number(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function seconds(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(value < 0.1 ? 3 : 2);
}
