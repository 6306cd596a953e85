// Runs one batch of a command in one transaction: keys are claimed, answered items replayed, the rest applied, their
// answers stored. When `apply` fails, the batch is run again item by item, so that only the culprit fails.
import { create, type DescMethodUnary, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { CommitUnknownError, DatabaseUnavailableError } from '../db/index.ts';
import { httpStatusOf, type Refusal } from '../errors/index.ts';
import { failpoint } from '../failpoints/index.ts';
import { decodeRefusal, encodeRefusal } from '../rpc/index.ts';
import type { Command, CommandItem, Context, Outcome, Settled, Transaction } from '../service/index.ts';
import { refuseCommand } from './command-refusals.ts';
import type { Identity } from './idempotency-key.ts';
import { type AnswerToStore, type Claim, claimKeys, storeAnswers } from './idempotency-records.ts';

const DEFAULT_KEEP_MS = 24 * 3600_000;
const MAX_STORED_BYTES = 64 * 1024;

/** As `createTransactions` of `events` gives them. */
export interface Transactions {
  run<T>(body: (tx: Transaction) => Promise<T>): Promise<T>;
}

export interface BatchItem {
  readonly item: CommandItem<Message>;
  readonly identity: Identity | undefined;
  resolve(settled: Settled<Message>): void;
  reject(error: unknown): void;
}

export interface BatchSource {
  readonly transactions: Transactions;
  readonly context: Context;
}

/** Settles every item. */
export async function runBatch(source: BatchSource, command: Command, batch: readonly BatchItem[]): Promise<void> {
  const first = firstOfEachKey(batch);
  let settled: Settled<Message>[];
  try {
    settled = await runOnce(source, command, first);
  } catch (error) {
    if (first.length === 1 || isNobodysFault(error)) for (const { reject } of first) reject(error);
    else for (const item of first) await runBatch(source, command, [item]);
    return;
  }
  try {
    failpoint('command.after-commit');
    for (const [index, item] of first.entries()) item.resolve(settled[index] as Settled<Message>);
  } catch (error) {
    for (const { reject } of first) reject(error);
  }
}

/** Repeating these item by item would change nothing, or might do the work twice. */
function isNobodysFault(error: unknown): boolean {
  return error instanceof CommitUnknownError || error instanceof DatabaseUnavailableError;
}

/** A key that is repeated within the batch is answered as its first item is; the items left have a key each. */
function firstOfEachKey(batch: readonly BatchItem[]): BatchItem[] {
  const leaders = new Map<string, { followers: BatchItem[]; identity: Identity }>();
  const first: BatchItem[] = [];
  for (const entry of batch) {
    const { identity } = entry;
    const leader = identity === undefined ? undefined : leaders.get(identity.id);
    if (identity === undefined) first.push(entry);
    else if (leader === undefined) {
      const followers: BatchItem[] = [];
      leaders.set(identity.id, { followers, identity });
      first.push(leading(entry, followers));
    } else if (leader.identity.requestHash.equals(identity.requestHash)) leader.followers.push(entry);
    else entry.resolve({ refused: refuseCommand('idempotency_key_reused', {}), replayed: false });
  }
  return first;
}

function leading(entry: BatchItem, followers: readonly BatchItem[]): BatchItem {
  return {
    ...entry,
    resolve: (settled) => {
      entry.resolve(settled);
      for (const follower of followers) follower.resolve({ ...settled, replayed: true });
    },
    reject: (error) => {
      entry.reject(error);
      for (const follower of followers) follower.reject(error);
    },
  };
}

async function runOnce(
  source: BatchSource,
  command: Command,
  batch: readonly BatchItem[],
): Promise<Settled<Message>[]> {
  const items = batch.map(({ item }) => item);
  const loaded = await command.load?.(items, source.context);
  // The body may run more than once, so it keeps nothing from an earlier run.
  return source.transactions.run(async (tx) => {
    const settled = await replayStored(command.method, batch, tx);
    const open = batch.flatMap((_, index) => (settled[index] === undefined ? [index] : []));
    if (open.length > 0) {
      const chosen = open.length === items.length ? items : open.map((index) => items[index] as CommandItem<Message>);
      const outcomes = await command.apply(chosen, tx, loaded);
      failpoint('command.after-domain-write');
      if (outcomes.length !== chosen.length) {
        throw new Error(`${command.method.name} answered ${chosen.length} items with ${outcomes.length} outcomes.`);
      }
      for (const [n, index] of open.entries()) settled[index] = settle(command.method, outcomes[n] as Outcome<object>);
      await keep(command, tx, batch, open, settled as Settled<Message>[]);
    }
    failpoint('command.before-commit');
    return settled as Settled<Message>[];
  });
}

function settle(method: DescMethodUnary, outcome: Outcome<object>): Settled<Message> {
  if ('refused' in outcome) return { refused: outcome.refused, replayed: false };
  return { ok: create(method.output, outcome.ok as never), replayed: false };
}

/** @returns for each item what its key decides already; undefined where it is to be run. */
async function replayStored(
  method: DescMethodUnary,
  batch: readonly BatchItem[],
  tx: Transaction,
): Promise<(Settled<Message> | undefined)[]> {
  const keyed = batch.map(({ identity }) => identity).filter((identity) => identity !== undefined);
  if (keyed.length === 0) return batch.map(() => undefined);
  const claims = await claimKeys(tx, keyed, tx.now);
  let next = 0;
  return batch.map(({ identity }) => {
    if (identity === undefined) return undefined;
    const claim = claims[next] as Claim;
    next += 1;
    return decideByClaim(method, identity, claim);
  });
}

function decideByClaim(
  method: DescMethodUnary,
  identity: Identity,
  { isClaimed, stored }: Claim,
): Settled<Message> | undefined {
  if (stored === undefined) {
    if (isClaimed) return undefined;
    const refused = refuseCommand('idempotency_key_in_progress', {}, { retryAfterSeconds: 1 });
    return { refused, replayed: false };
  }
  if (!stored.requestHash.equals(identity.requestHash)) {
    return { refused: refuseCommand('idempotency_key_reused', {}), replayed: false };
  }
  if (stored.answer === undefined) return { refused: refuseCommand('answer_not_kept', {}), replayed: true };
  if (stored.isRefused) return { refused: decodeRefusal(stored.answer, ''), replayed: true };
  return { ok: fromBinary(method.output, stored.answer), replayed: true };
}

async function keep(
  command: Command,
  tx: Transaction,
  batch: readonly BatchItem[],
  open: readonly number[],
  settled: readonly Settled<Message>[],
): Promise<void> {
  const answers: AnswerToStore[] = [];
  for (const index of open) {
    const identity = batch[index]?.identity;
    const outcome = settled[index] as Settled<Message>;
    if (identity === undefined || ('refused' in outcome && !isFinal(outcome.refused))) continue;
    const isRefused = 'refused' in outcome;
    const answer = isRefused ? encodeRefusal(outcome.refused) : toBinary(command.method.output, outcome.ok);
    answers.push({ identity, isRefused, answer: answer.length > MAX_STORED_BYTES ? undefined : answer });
  }
  if (answers.length === 0) return;
  const expiresAt = new Date(tx.now.getTime() + (command.keepAnswersMs ?? DEFAULT_KEEP_MS));
  await storeAnswers(tx, answers, tx.now, expiresAt);
}

/** Whether a repeat deserves the same answer: not when it says to try again later. */
function isFinal(refusal: Refusal): boolean {
  const status = refusal.options.httpStatus ?? httpStatusOf(refusal.status);
  return status < 500 && refusal.status !== 'RESOURCE_EXHAUSTED' && refusal.status !== 'CANCELLED';
}
