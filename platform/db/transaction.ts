// BEGIN … COMMIT, run again on lost races. What happened is always known, except when the connection dies during
// COMMIT: that has an error of its own.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseObserver, SqlTransaction, TransactionOptions } from './database.ts';
import { CommitUnknownError, DatabaseUnavailableError } from './database.ts';
import type { Session } from './session.ts';
import { isConnectionLost, isSerializationFailure, leavesConnectionBroken, wasNeverSent } from './sql-errors.ts';

const DEFAULT_ATTEMPTS = 4;
const FIRST_DELAY_MS = 5;
const LONGEST_DELAY_MS = 200;

interface OpenMark {
  open: boolean;
}

const current = new AsyncLocalStorage<OpenMark>();

/** Whether the calling code runs inside a transaction that has not ended: calls to other services are refused then. */
export function isInTransaction(): boolean {
  return current.getStore()?.open === true;
}

export interface TransactionSource {
  readonly service: string;
  readonly observer: DatabaseObserver | undefined;
  acquire(): Promise<Session>;
}

export async function runTransaction<T>(
  source: TransactionSource,
  body: (tx: SqlTransaction) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
  const startedMs = performance.now();
  let outcome: 'committed' | 'rolled back' | 'unknown' = 'rolled back';
  let attempt = 1;
  try {
    for (; ; attempt += 1) {
      try {
        const { result, actions } = await runOnce(source, body, options);
        outcome = 'committed';
        for (const action of actions) action();
        return result;
      } catch (error) {
        if (error instanceof CommitUnknownError) outcome = 'unknown';
        if (attempt >= attempts || outcome !== 'rolled back' || !isSerializationFailure(error)) throw error;
        await sleep(Math.random() * Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 4 ** (attempt - 1)));
      }
    }
  } finally {
    const durationMs = performance.now() - startedMs;
    source.observer?.transacted?.({ service: source.service, durationMs, attempts: attempt, outcome });
  }
}

async function runOnce<T>(
  source: TransactionSource,
  body: (tx: SqlTransaction) => Promise<T>,
  options: TransactionOptions,
): Promise<{ result: T; actions: (() => void)[] }> {
  const session = await source.acquire();
  const mark: OpenMark = { open: true };
  const actions: (() => void)[] = [];
  let broken = false;
  let firstFailure: unknown;
  const failed = (error: unknown): unknown => {
    broken ||= leavesConnectionBroken(error);
    firstFailure ??= error;
    return isConnectionLost(error) ? lost(source.service, error) : error;
  };
  const tx: SqlTransaction = {
    query: async (sql, params) => {
      if (!mark.open) throw new Error('This transaction has ended: its statements must be awaited inside its body.');
      try {
        return await session.query(sql, params);
      } catch (error) {
        throw failed(error);
      }
    },
    afterCommit: (action) => void actions.push(action),
  };
  try {
    await session.command(beginStatement(options)).catch((error) => {
      throw failed(error);
    });
    const result = await current.run(mark, () => body(tx));
    mark.open = false;
    await commit(session, source.service, () => firstFailure).catch((error) => {
      broken ||= error instanceof CommitUnknownError || leavesConnectionBroken(error);
      throw error;
    });
    return { result, actions };
  } catch (error) {
    mark.open = false;
    if (!broken) await session.command('rollback').catch(() => (broken = true));
    throw error;
  } finally {
    session.release(broken);
  }
}

async function commit(session: Session, service: string, firstFailure: () => unknown): Promise<void> {
  let tag: string;
  try {
    tag = await session.command('commit');
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
    if (wasNeverSent(error)) throw lost(service, error);
    throw new CommitUnknownError(
      `The connection of ${service} was lost during COMMIT: look whether the work exists before it is repeated.`,
      { cause: error },
    );
  }
  // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK and no error.
  if (tag === 'ROLLBACK') throw firstFailure() ?? new Error('The transaction had failed and was rolled back.');
}

function beginStatement({ isolation, readOnly }: TransactionOptions): string {
  return `begin${isolation === undefined ? '' : ` isolation level ${isolation}`}${readOnly === true ? ' read only' : ''}`;
}

function lost(service: string, cause: unknown): DatabaseUnavailableError {
  return new DatabaseUnavailableError(`The connection of ${service} to PostgreSQL was lost inside a transaction.`, {
    cause,
  });
}
