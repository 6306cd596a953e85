// What became of the lines of a file: counts, and every line that was not taken, with its number and the reason.
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Output, Shape } from '../output.ts';

export interface RefusedLine {
  readonly line: number;
  /** `broken_line`, or the server's stable code. */
  readonly code: string;
  readonly detail: string;
}

export interface Counts {
  lines: number;
  accepted: number;
  replayed: number;
  refused: number;
  broken: number;
}

export interface LineReport {
  readonly counts: Counts;
  broken(line: number, detail: string): void;
  refused(line: number, code: string, detail: string): void;
  /** `4211 accepted, 3 refused` */
  words(): string;
  /** The lines that were kept, by number. */
  listed(): readonly RefusedLine[];
  close(): void;
}

/** So many are shown; all of them go to the report file. */
const MOST_LISTED = 1000;

export function createLineReport(path: string | undefined): LineReport {
  const counts: Counts = { lines: 0, accepted: 0, replayed: 0, refused: 0, broken: 0 };
  const listed: RefusedLine[] = [];
  const file = path === undefined ? undefined : openSync(path, 'w');
  const keep = (refused: RefusedLine): void => {
    if (file !== undefined) writeSync(file, `${JSON.stringify(refused)}\n`);
    if (listed.length < MOST_LISTED) listed.push(refused);
  };
  return {
    counts,
    broken(line, detail) {
      counts.broken += 1;
      keep({ line, code: 'broken_line', detail });
    },
    refused(line, code, detail) {
      counts.refused += 1;
      keep({ line, code, detail });
    },
    words() {
      const words = [`${counts.accepted} accepted`];
      if (counts.replayed > 0) words.push(`${counts.replayed} replayed`);
      if (counts.refused + counts.broken > 0) words.push(`${counts.refused + counts.broken} refused`);
      return words.join(', ');
    },
    listed: () => listed.toSorted((left, right) => left.line - right.line),
    close: () => void (file !== undefined && closeSync(file)),
  };
}

const refusedShape: Shape<RefusedLine> = {
  columns: [
    { title: 'line', value: ({ line }) => line, right: true },
    { title: 'code', value: ({ code }) => code },
    { title: 'detail', value: ({ detail }) => detail },
  ],
  json: (refused) => refused,
};

const MOST_SHOWN = 20;

/** The reconciliation: refused lines first, the sums last, where a reader looks. */
export function showReport(output: Output, report: LineReport, further: Record<string, unknown>): void {
  const summary = { ...report.counts, ...further };
  const lines = report.listed();
  if (output.format === 'json') {
    output.one({ columns: [], json: () => ({ ...summary, refused_lines: lines }) }, summary);
    return;
  }
  const shown = output.format === 'ndjson' ? lines : lines.slice(0, MOST_SHOWN);
  if (shown.length > 0) output.list(refusedShape, shown, '');
  const unshown = report.counts.refused + report.counts.broken - shown.length;
  if (unshown > 0) output.say(`… and ${unshown} more: --report FILE writes all of them`);
  if (shown.length > 0) output.say('');
  const columns = Object.keys(summary).map((title) => ({
    title,
    value: (counts: Record<string, unknown>) => counts[title],
  }));
  output.one({ columns, json: (counts) => counts }, summary as Record<string, unknown>);
}
