// Decides what becomes of each record of a batch, without touching anything: apply, hold behind a blocked key, bury, or
// pass over. Sequences are dense, so a duplicate and a gap show by arithmetic alone.
import type { Received } from '../../service/index.ts';
import type { LogRecord } from '../log/index.ts';
import type { PartitionCursor } from './cursor-store.ts';
import type { MessageDecoder } from './decode-record.ts';
import { describeFailure, type Failure } from './fingerprint.ts';

/** One record that moves the cursor, and what to do with it. */
export type Step =
  | { readonly kind: 'apply'; readonly record: LogRecord; readonly message: Received }
  | { readonly kind: 'hold'; readonly record: LogRecord }
  | { readonly kind: 'bury'; readonly record: LogRecord; readonly failure: Failure }
  | { readonly kind: 'pass'; readonly record: LogRecord };

export interface Plan {
  readonly steps: readonly Step[];
  /** Records at or below the cursor. */
  readonly duplicates: number;
  /** Where a sequence is missing: what comes behind it waits. */
  readonly gaps: readonly { readonly topic: string; readonly part: number; readonly expected: bigint }[];
  /** Partitions that a restored log continues under another incarnation. */
  readonly restarts: readonly { readonly topic: string; readonly part: number; readonly from: string }[];
}

export interface PlanOptions {
  readonly types: ReadonlySet<string>;
  readonly decode: MessageDecoder;
  /** Whether later messages of this key must wait. */
  readonly isBlocked: (topic: string, key: string) => boolean;
  /** Whether later messages of a key wait behind one that failed. */
  readonly holdsKeys: boolean;
  /** The log's present incarnation: a record of an older one is late, not a restart. */
  readonly incarnation: string;
  /** Planted bug: what was applied is applied again. */
  readonly takeDuplicates?: boolean;
}

export function partitionKey(place: { readonly topic: string; readonly part: number }): string {
  return `${place.topic}/${place.part}`;
}

/** @param cursors by `partitionKey`; partitions that are not in it are not ours. */
export function planBatch(
  records: readonly LogRecord[],
  cursors: ReadonlyMap<string, PartitionCursor>,
  options: PlanOptions,
): Plan {
  const places = new Map<string, { after: bigint; incarnation: string; gapped: boolean }>();
  const steps: Step[] = [];
  const gaps: { topic: string; part: number; expected: bigint }[] = [];
  const restarts: { topic: string; part: number; from: string }[] = [];
  const buried = new Set<string>();
  let duplicates = 0;
  for (const record of records) {
    const name = partitionKey(record);
    const cursor = cursors.get(name);
    if (cursor === undefined) continue;
    let place = places.get(name);
    if (place === undefined) {
      place = { after: cursor.after, incarnation: cursor.incarnation, gapped: false };
      places.set(name, place);
    }
    if (place.gapped) continue;
    if (record.incarnation !== place.incarnation) {
      if (place.incarnation === options.incarnation) {
        duplicates += 1;
        continue;
      }
      restarts.push({ topic: record.topic, part: record.part, from: place.incarnation });
      place.incarnation = record.incarnation;
      place.after = record.sequence - 1n;
    }
    if (record.sequence <= place.after) {
      duplicates += 1;
      if (options.takeDuplicates !== true) continue;
    } else if (record.sequence > place.after + 1n) {
      gaps.push({ topic: record.topic, part: record.part, expected: place.after + 1n });
      place.gapped = true;
      continue;
    }
    if (record.sequence > place.after) place.after = record.sequence;
    const step = stepFor(record, options, buried);
    if (step.kind === 'bury' && options.holdsKeys) buried.add(`${record.topic}\0${record.key}`);
    steps.push(step);
  }
  return { steps, duplicates, gaps, restarts };
}

function stepFor(record: LogRecord, options: PlanOptions, buried: ReadonlySet<string>): Step {
  if (!options.types.has(record.type)) return { kind: 'pass', record };
  const behind = buried.size > 0 && buried.has(`${record.topic}\0${record.key}`);
  if (behind || options.isBlocked(record.topic, record.key)) return { kind: 'hold', record };
  try {
    return { kind: 'apply', record, message: options.decode(record, 1) };
  } catch (error) {
    return { kind: 'bury', record, failure: describeFailure(error) };
  }
}

/** @returns the cursors behind the given steps. */
export function advanceCursors(
  cursors: ReadonlyMap<string, PartitionCursor>,
  steps: readonly Step[],
): Map<string, PartitionCursor> {
  const moved = new Map(cursors);
  for (const { record } of steps) {
    const { topic, part, sequence, incarnation } = record;
    const before = moved.get(partitionKey(record));
    if (before !== undefined && before.incarnation === incarnation && before.after >= sequence) continue;
    moved.set(partitionKey(record), { topic, part, after: sequence, incarnation });
  }
  return moved;
}
