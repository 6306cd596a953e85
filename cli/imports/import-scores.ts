// Imports a feed of score events: one JSON object a line. Run again, it repeats nothing.
import { type ScoreEvent, ScoreEventSchema, ScoreService } from '@tradepost/contracts/score';
import { decodeJson } from '@tradepost/platform/json';
import type { Connection } from '../connect.ts';
import { EXIT } from '../failure.ts';
import type { Output } from '../output.ts';
import { createProgress } from '../progress.ts';
import { feedName, lineKey } from './line-key.ts';
import { createLineReport, showReport } from './line-report.ts';
import { inputSize, readLines } from './read-lines.ts';
import { createScoreSender } from './send-scores.ts';
import { openSettlement } from './settlement.ts';

export interface ImportScoresOptions {
  readonly connection: Connection;
  readonly file: string;
  readonly output: Output;
  readonly feed?: string;
  readonly report?: string;
  /** Longest wait for the notifications, in seconds; 0 does not wait. */
  readonly wait: number;
}

export type ParsedLine =
  | { readonly event: ScoreEvent; readonly key: string; readonly fault?: undefined }
  | { readonly fault: string };

/** @returns the event with its key, given or derived, or what is wrong with the line. */
export function parseScoreLine(feed: string, number: number, text: string): ParsedLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { fault: `not JSON: ${(error as Error).message}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { fault: 'not a JSON object' };
  const given = (value as { idempotency_key?: unknown }).idempotency_key;
  if (given !== undefined && (typeof given !== 'string' || given === '' || given.length > 255)) {
    return { fault: '/idempotency_key: must be text of 1 to 255 characters' };
  }
  // The text is decoded, not the parsed value: large integers stay exact.
  const decoded = decodeJson(ScoreEventSchema, text, { ignoreUnknown: given !== undefined });
  if (decoded.faults !== undefined) {
    return { fault: decoded.faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ') };
  }
  return { event: decoded.message, key: given ?? lineKey(feed, number, text) };
}

export async function importScores(options: ImportScoresOptions): Promise<void> {
  const { connection, file, output } = options;
  const total = inputSize(file);
  const feed = feedName(file, options.feed);
  const report = createLineReport(options.report);
  const progress = createProgress({ label: file, unit: 'B', ...(total === undefined ? {} : { total }) });
  const settlement = await openSettlement(connection, options.wait * 1000);
  const startedMs = performance.now();
  let bytesRead = 0;
  const sender = createScoreSender(connection.client(ScoreService), report, () =>
    progress.update(bytesRead, report.words()),
  );
  try {
    for await (const line of readLines(file)) {
      report.counts.lines += 1;
      bytesRead = line.bytesRead;
      const parsed = line.fault === undefined ? parseScoreLine(feed, line.number, line.text) : { fault: line.fault };
      if (parsed.fault !== undefined) report.broken(line.number, parsed.fault);
      else await sender.add({ line: line.number, key: parsed.key, event: parsed.event });
    }
    await sender.finish();
  } finally {
    progress.finish();
    report.close();
  }
  const seconds = Math.round(performance.now() - startedMs) / 1000;
  const { notified, settled } = await settlement.wait();
  showReport(output, report, {
    ...(notified === undefined ? {} : { notified: settled ? notified : `${notified} so far` }),
    seconds,
    per_second: Math.round(report.counts.lines / Math.max(seconds, 0.001)),
  });
  if (report.counts.refused + report.counts.broken > 0) process.exitCode = EXIT.partly;
}
