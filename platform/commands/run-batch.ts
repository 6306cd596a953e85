// Runs one batch of a command in one transaction: keys are claimed, answered items replayed, the rest applied, their
// answers stored. When `apply` fails, the batch is run again item by item, so that only the culprit fails; what is
// nobody's fault fails all of it at once.
import { create, type DescMethodUnary, type Message } from '@bufbuild/protobuf';
import { CommitUnknownError, isTransient } from '../db/index.ts';
import { isPassing, Refusal } from '../errors/index.ts';
import type { Transactions } from '../events/index.ts';
import { failpoint } from '../failpoints/index.ts';
import type { Command, CommandItem, Context, Outcome, Settled, Transaction } from '../service/index.ts';
import { type BatchItem, firstOfEachKey } from './batch-item.ts';
import { refuseCommand } from './command-refusals.ts';
import { isFinal, keepAnswers, replayStored } from './replay-answers.ts';

export type { BatchItem } from './batch-item.ts';

export interface BatchSource {
  readonly transactions: Transactions;
  readonly context: Context;
  /** What decides the order of the command's items; undefined where order does not matter. */
  readonly keyOf: ((item: BatchItem) => unknown) | undefined;
}

/** How an item ended; `failed` is for its `reject`. */
type Ended = Settled<Message> | { readonly failed: unknown };

/** The order keys of items that were not done and may be later: nothing may overtake those. */
type PutOff = Set<unknown>;

/** Settles every item. @returns the order keys of those that may be done later. */
export async function runBatch(source: BatchSource, command: Command, batch: readonly BatchItem[]): Promise<PutOff> {
  const putOff: PutOff = new Set();
  const wanted = firstOfEachKey(batch.filter((entry) => !rejectUnwanted(entry)));
  if (wanted.length > 0) await runTogether(source, command, wanted, putOff);
  return putOff;
}

function rejectUnwanted(entry: BatchItem): boolean {
  const reason = entry.unwanted();
  if (reason !== undefined) entry.reject(reason);
  return reason !== undefined;
}

async function runTogether(
  source: BatchSource,
  command: Command,
  batch: readonly BatchItem[],
  putOff: PutOff,
): Promise<void> {
  let ended: Ended[];
  try {
    ended = await runOnce(source, command, batch, putOff);
  } catch (error) {
    if (batch.length > 1 && !isNobodysFault(error)) await runOneByOne(source, command, batch, putOff);
    else rejectAll(source, batch, error, putOff);
    return;
  }
  try {
    failpoint('command.after-commit');
    for (const [index, entry] of batch.entries()) {
      const end = ended[index] as Ended;
      if ('failed' in end) rejectAll(source, [entry], end.failed, putOff);
      else entry.resolve(end);
    }
  } catch (error) {
    rejectAll(source, batch, error, putOff);
  }
}

async function runOneByOne(
  source: BatchSource,
  command: Command,
  batch: readonly BatchItem[],
  putOff: PutOff,
): Promise<void> {
  let outage: { error: unknown } | undefined;
  for (const entry of batch) {
    if (rejectUnwanted(entry)) continue;
    if (outage !== undefined) {
      rejectAll(source, [entry], outage.error, putOff);
      continue;
    }
    const reject = (error: unknown): void => {
      if (isNobodysFault(error)) outage = { error };
      entry.reject(error);
    };
    await runTogether(source, command, [{ ...entry, reject }], putOff);
  }
}

function rejectAll({ keyOf }: BatchSource, batch: readonly BatchItem[], error: unknown, putOff: PutOff): void {
  for (const entry of batch) {
    if (keyOf !== undefined && isNobodysFault(error)) putOff.add(keyOf(entry));
    entry.reject(error);
  }
}

/** Repeating these item by item would only wait as long for each, or might do the work twice. */
function isNobodysFault(error: unknown): boolean {
  if (error instanceof Refusal) return isPassing(error);
  return error instanceof CommitUnknownError || isTransient(error);
}

async function runOnce(
  source: BatchSource,
  command: Command,
  batch: readonly BatchItem[],
  putOff: PutOff,
): Promise<Ended[]> {
  const items = batch.map(({ item }) => item);
  let loaded: unknown;
  try {
    loaded = await command.load?.(items, source.context);
  } catch (error) {
    // An answer is about some item; any other failure is an outage of whoever was asked.
    if (error instanceof Refusal && isFinal(error)) throw error;
    return replayWithoutLoad(source, command, batch, error);
  }
  const before = new Set(putOff);
  // The body may run more than once, so it keeps nothing from an earlier run.
  return source.transactions.run(async (tx) => {
    putOff.clear();
    for (const key of before) putOff.add(key);
    const settled = await replayStored(command.method, batch, tx);
    settleUnrunnable(source, batch, settled, putOff);
    const open = batch.flatMap((_, index) => (settled[index] === undefined ? [index] : []));
    if (open.length > 0) {
      const chosen = open.length === items.length ? items : open.map((index) => items[index] as CommandItem<Message>);
      const outcomes = await applyAll(command, chosen, tx, loaded);
      for (const [n, index] of open.entries()) settled[index] = settle(command.method, outcomes[n] as Outcome<object>);
      notePutOff(source, batch, settled, putOff);
      await keepAnswers(command, tx, batch, open, settled as Settled<Message>[]);
    }
    failpoint('command.before-commit');
    return settled as Settled<Message>[];
  });
}

async function applyAll(
  command: Command,
  items: readonly CommandItem<Message>[],
  tx: Transaction,
  loaded: unknown,
): Promise<readonly Outcome<object>[]> {
  const outcomes = await command.apply(items, tx, loaded);
  failpoint('command.after-domain-write');
  if (outcomes.length === items.length) return outcomes;
  throw new Error(`${command.method.name} answered ${items.length} items with ${outcomes.length} outcomes.`);
}

/** What was answered before needs nobody else: it is replayed though `load` failed, the rest fails with it. */
async function replayWithoutLoad(
  source: BatchSource,
  { method }: Command,
  batch: readonly BatchItem[],
  failed: unknown,
): Promise<Ended[]> {
  if (isTransient(failed) || batch.every(({ identity }) => identity === undefined))
    return batch.map(() => ({ failed }));
  try {
    const settled = await source.transactions.run((tx) => replayStored(method, batch, tx));
    return settled.map((stored) => stored ?? { failed });
  } catch {
    return batch.map(() => ({ failed }));
  }
}

/** Settles what nobody wants by now, and what would overtake an item that must be sent again. */
function settleUnrunnable(
  { keyOf }: BatchSource,
  batch: readonly BatchItem[],
  settled: (Settled<Message> | undefined)[],
  putOff: PutOff,
): void {
  for (const [index, entry] of batch.entries()) {
    const known = settled[index];
    const key = keyOf?.(entry);
    if (known !== undefined) {
      if (keyOf !== undefined && 'refused' in known && isPassing(known.refused)) putOff.add(key);
      continue;
    }
    const isBehind = keyOf !== undefined && putOff.has(key);
    const behind = isBehind ? refuseCommand('behind_another', {}, { retryAfterSeconds: 1 }) : undefined;
    const refused = entry.unwanted() ?? behind;
    if (refused !== undefined) settled[index] = { refused, replayed: false };
  }
}

function notePutOff(
  { keyOf }: BatchSource,
  batch: readonly BatchItem[],
  settled: readonly (Settled<Message> | undefined)[],
  putOff: PutOff,
): void {
  if (keyOf === undefined) return;
  for (const [index, entry] of batch.entries()) {
    const end = settled[index];
    if (end !== undefined && 'refused' in end && isPassing(end.refused) && entry.unwanted() === undefined) {
      putOff.add(keyOf(entry));
    }
  }
}

function settle(method: DescMethodUnary, outcome: Outcome<object>): Settled<Message> {
  if ('refused' in outcome) return { refused: outcome.refused, replayed: false };
  return { ok: create(method.output, outcome.ok as never), replayed: false };
}
