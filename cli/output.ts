// Everything that a command shows: tables for people, JSON for programs. Results go to the standard output and nothing
// else does; failures and progress go to the standard error.
import type { Failure } from './failure.ts';

export type OutputFormat = 'table' | 'json' | 'ndjson';

export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Column<Item> {
  readonly title: string;
  readonly value: (item: Item) => unknown;
  /** Numbers stand right. */
  readonly right?: boolean;
  /** Cut to this many characters on a terminal. */
  readonly most?: number;
}

/** How one kind of thing is shown. */
export interface Shape<Item> {
  readonly columns: readonly Column<Item>[];
  /** What `json` and `ndjson` print: plain values. */
  readonly json: (item: Item) => unknown;
}

export interface Output {
  readonly format: OutputFormat;
  /** Whether results go to a person's terminal. */
  readonly interactive: boolean;
  list<Item>(shape: Shape<Item>, items: readonly Item[], empty: string): void;
  /** One thing, its columns as lines. */
  one<Item>(shape: Shape<Item>, item: Item): void;
  /** One of a stream: a line as soon as it is there. */
  next<Item>(shape: Shape<Item>, item: Item): void;
  /** Words that a person wants and a program does not. */
  say(text: string): void;
  /** That a list goes on: where a program reads the list, the words go to the error stream. */
  more(how: string): void;
  failure(failure: Failure): void;
}

export function createOutput(
  format: OutputFormat,
  out: TextStream = process.stdout,
  err: TextStream = process.stderr,
): Output {
  const interactive = out.isTTY === true;
  const print = (text: string): void => void out.write(`${text}\n`);
  const streamed = new Map<Shape<never>, number[]>();
  return {
    format,
    interactive,
    list(shape, items, empty) {
      if (format === 'json') print(JSON.stringify(items.map(shape.json), null, 2));
      else if (format === 'ndjson') for (const item of items) print(JSON.stringify(shape.json(item)));
      else if (items.length === 0) print(empty);
      else for (const line of printTable(shape, items, interactive)) print(line);
    },
    one(shape, item) {
      if (format === 'json') print(JSON.stringify(shape.json(item), null, 2));
      else if (format === 'ndjson') print(JSON.stringify(shape.json(item)));
      else for (const line of printFields(shape, item)) print(line);
    },
    next(shape, item) {
      if (format !== 'table') return print(JSON.stringify(shape.json(item)));
      const widths = streamed.get(shape as Shape<never>) ?? shape.columns.map(({ title }) => title.length);
      if (!streamed.has(shape as Shape<never>)) streamed.set(shape as Shape<never>, widths);
      const row = rowOf(shape, item, interactive);
      row.forEach((cell, index) => {
        widths[index] = Math.max(widths[index] ?? 0, cell.length);
      });
      print(joinRow(shape.columns, row, widths));
    },
    say(text) {
      if (format === 'table') print(text);
    },
    more(how) {
      const text = `… and more: ${how}`;
      if (format === 'table') print(text);
      else err.write(`${text}\n`);
    },
    failure({ code, message, fix }) {
      if (format === 'table') err.write(`error: ${message} (${code})\n${fix === undefined ? '' : `fix:   ${fix}\n`}`);
      else err.write(`${JSON.stringify({ code, message, fix: fix ?? null })}\n`);
    },
  };
}

/** A value as text of one line. */
export function cellText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (value instanceof Date) return value.toISOString();
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}

function rowOf<Item>(shape: Shape<Item>, item: Item, interactive: boolean): string[] {
  return shape.columns.map(({ value, most }) => {
    const text = cellText(value(item));
    return interactive && most !== undefined && text.length > most ? `${text.slice(0, most - 1)}…` : text;
  });
}

function joinRow<Item>(columns: readonly Column<Item>[], row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, index) => {
    const width = widths[index] ?? 0;
    if (columns[index]?.right === true) return cell.padStart(width);
    return index === row.length - 1 ? cell : cell.padEnd(width);
  });
  return cells.join('  ').trimEnd();
}

function printTable<Item>(shape: Shape<Item>, items: readonly Item[], interactive: boolean): string[] {
  const rows = items.map((item) => rowOf(shape, item, interactive));
  const titles = shape.columns.map(({ title }) => title.toUpperCase());
  const widths = titles.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  return [titles, ...rows].map((row) => joinRow(shape.columns, row, widths));
}

function printFields<Item>(shape: Shape<Item>, item: Item): string[] {
  const width = Math.max(...shape.columns.map(({ title }) => title.length));
  return shape.columns.flatMap(({ title, value }) => {
    const raw = value(item);
    if (raw === undefined || raw === null || raw === '') return [];
    const text = typeof raw === 'string' ? raw.trimEnd() : cellText(raw);
    if (!text.includes('\n')) return [`${title.padEnd(width)}  ${cellText(text)}`];
    return [title, ...text.split('\n').map((line) => `  ${cellText(line)}`)];
  });
}
