// One pass of the sequencer, as its SQL function answers.
import type { Database } from '../../db/index.ts';

/**
 * `fenced`: another leader took over. `moved`: the database lies in another server than the log knows, or follows
 * another timeline. `future`: the log has seen transaction ids that the server has not given away.
 */
export type PassOutcome = 'logged' | 'idle' | 'fenced' | 'moved' | 'future';

export interface PassResult {
  readonly outcome: PassOutcome;
  /** Rows that were put into the log. */
  readonly logged: number;
  /** Whether there may be more: pass again at once. */
  readonly more: boolean;
}

/** One autocommitted round trip. @param limit rows to take at most. */
export async function runPass(database: Database, epoch: bigint, limit: number): Promise<PassResult> {
  const [result] = await database.query<PassResult>('select outcome, logged, more from tradepost.pass($1, $2)', [
    epoch,
    limit,
  ]);
  return result as PassResult;
}

/** @returns why nothing more may be sequenced, in a sentence for whoever runs the system. */
export function stopReason(service: string, outcome: PassOutcome): string | undefined {
  const reasons: Readonly<Partial<Record<PassOutcome, string>>> = {
    moved: 'was restored into another server, or follows another timeline',
    future: 'was restored from another time: its transaction ids lie behind what the log has seen',
  };
  const reason = reasons[outcome];
  if (reason === undefined) return undefined;
  return `The database of ${service} ${reason}. Its events wait until \`tradepost restore-fix ${service}\` was run.`;
}
