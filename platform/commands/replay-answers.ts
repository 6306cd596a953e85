// What a key decides before its item is run, and what is kept for the next time it is sent. All of it happens inside
// the transaction that has the effect.
import { type DescMethodUnary, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { httpStatusOf, isPassing, type Refusal } from '../errors/index.ts';
import { decodeRefusal, encodeRefusal } from '../rpc/index.ts';
import type { Command, Settled, Transaction } from '../service/index.ts';
import type { BatchItem } from './batch-item.ts';
import { refuseCommand } from './command-refusals.ts';
import type { Identity } from './idempotency-key.ts';
import { type AnswerToStore, type Claim, claimKeys, storeAnswers } from './idempotency-records.ts';

const DEFAULT_KEEP_MS = 24 * 3600_000;
const MAX_STORED_BYTES = 64 * 1024;

/** @returns for each item what its key decides already; undefined where it is to be run. */
export async function replayStored(
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

/** Stores the answers of the open items, all but those that a repeat may change. */
export async function keepAnswers(
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

/** Whether a repeat deserves the same answer: not when a later one may be another. */
export function isFinal(refusal: Refusal): boolean {
  const status = refusal.options.httpStatus ?? httpStatusOf(refusal.status);
  return status < 500 && !isPassing(refusal) && refusal.status !== 'CANCELLED';
}
