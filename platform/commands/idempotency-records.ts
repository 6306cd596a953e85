// The stored answers of commands. Claiming and storing are one statement each for a whole batch, inside the
// transaction that has the effect.
import type { Queryable } from '../db/index.ts';
import { job } from '../service/index.ts';
import type { Identity } from './idempotency-key.ts';

/** What the database says of a key. */
export interface Claim {
  /** False: another transaction holds the key. */
  readonly isClaimed: boolean;
  readonly stored: StoredAnswer | undefined;
}

export interface StoredAnswer {
  readonly requestHash: Buffer;
  readonly isRefused: boolean;
  /** Undefined when it was too large to keep. */
  readonly answer: Uint8Array | undefined;
}

interface ClaimRow {
  claimed: boolean;
  request_hash: Buffer | null;
  refused: boolean | null;
  answer: Buffer | null;
}

/** Locks each key until the transaction ends, never waiting, and looks up its answer. @returns a claim each. */
export async function claimKeys(tx: Queryable, identities: readonly Identity[], now: Date): Promise<Claim[]> {
  // One order for everybody: of two batches with the same keys, one gets them all.
  const sorted = identities.toSorted((a, b) => (a.lock < b.lock ? -1 : a.lock > b.lock ? 1 : 0));
  const rows = await tx.query<ClaimRow>('select * from tradepost.claim_idempotency_keys($1, $2, $3)', [
    sorted.map(({ id }) => id),
    sorted.map(({ lock }) => lock),
    now,
  ]);
  const claims = new Map<Identity, Claim>();
  for (const [index, identity] of sorted.entries()) claims.set(identity, claimOf(rows[index] as ClaimRow));
  return identities.map((identity) => claims.get(identity) as Claim);
}

function claimOf(row: ClaimRow): Claim {
  const { claimed: isClaimed, request_hash: requestHash } = row;
  if (requestHash === null) return { isClaimed, stored: undefined };
  return { isClaimed, stored: { requestHash, isRefused: row.refused === true, answer: row.answer ?? undefined } };
}

export interface AnswerToStore {
  readonly identity: Identity;
  readonly isRefused: boolean;
  readonly answer: Uint8Array | undefined;
}

export async function storeAnswers(
  tx: Queryable,
  answers: readonly AnswerToStore[],
  now: Date,
  expiresAt: Date,
): Promise<void> {
  const rows = await tx.query<{ stored: bigint }>(
    'select tradepost.store_idempotent_answers($1, $2, $3, $4, $5, $6) as stored',
    [
      answers.map(({ identity }) => identity.id),
      answers.map(({ identity }) => identity.requestHash),
      answers.map(({ isRefused }) => isRefused),
      answers.map(({ answer }) => (answer === undefined ? null : Buffer.from(answer))),
      now,
      expiresAt,
    ],
  );
  if (rows[0]?.stored !== BigInt(answers.length)) {
    throw new Error('An idempotency key was answered twice: its lock did not hold.');
  }
}

const PRUNE_BATCH = 5000;

/** Deletes answers whose time is over, some at a time. @returns how many. */
export async function pruneAnswers(db: Queryable, now: Date): Promise<number> {
  for (let pruned = 0; ; ) {
    const rows = await db.query(
      `delete from tradepost.idempotency_records where id in
         (select id from tradepost.idempotency_records where expires_at <= $1 limit ${PRUNE_BATCH}) returning 1`,
      [now],
    );
    pruned += rows.length;
    if (rows.length < PRUNE_BATCH) return pruned;
  }
}

/** For every service with commands. */
export const pruneAnswersJob = job({
  name: 'prune-idempotency-records',
  everyMs: 10 * 60_000,
  run: async (context) => {
    await pruneAnswers(context.db, context.clock.now());
  },
});
