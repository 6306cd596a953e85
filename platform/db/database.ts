// What the rest of the code knows of PostgreSQL. `int8` arrives as bigint, `timestamptz` as Date, `bytea` as Buffer,
// `jsonb` parsed. Statements are prepared per connection under a name made from their text.

export type Row = Record<string, unknown>;

export interface Queryable {
  /**
   * One round trip. With `params` (an empty list too) the statement is prepared and its plan kept; without, it is sent
   * as it is, and may be several statements, of which the last one's rows are returned.
   * @returns the rows.
   * @throws DatabaseUnavailableError when the connection is lost. Outside a transaction a writing statement may have
   *   been done then: write in a transaction, or what is safe to repeat.
   */
  query<R extends object = Row>(sql: string, params?: readonly unknown[]): Promise<R[]>;
}

export interface SqlTransaction extends Queryable {
  /** Runs once the COMMIT is acknowledged, never after a rollback. It must not throw. */
  afterCommit(action: () => void): void;
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
  /** Runs of the body in all, when it fails by serialization (40001) or deadlock (40P01). Default 4. */
  readonly attempts?: number;
}

export interface PoolStats {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
  /** Connections that the pool may have at most. */
  readonly max: number;
}

/** Hooks for metrics. They must not throw. */
export interface DatabaseObserver {
  /** One statement was answered, or failed. `durationMs` is without the wait for a connection. */
  queried?(facts: { service: string; sql: string; durationMs: number; failed: boolean }): void;
  /** A connection was had after `waitMs`, or not. */
  acquired?(facts: { service: string; waitMs: number; failed: boolean }): void;
  /** A transaction ended. `attempts` counts the runs of its body. */
  transacted?(facts: {
    service: string;
    durationMs: number;
    attempts: number;
    outcome: 'committed' | 'rolled back' | 'unknown';
  }): void;
}

export interface Database extends Queryable {
  /** The owning service's name; it labels metrics and logs. */
  readonly service: string;
  /**
   * Runs the body in one transaction.
   * @throws what the body throws, after a rollback; `CommitUnknownError` when the connection is lost during COMMIT;
   *   `DatabaseUnavailableError` when no connection is to be had, or it was lost before COMMIT.
   */
  transaction<T>(body: (tx: SqlTransaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Free connections right now: work that waits for no one may flush while it is above zero. */
  stats(): PoolStats;
  close(): Promise<void>;
}

/** The connection was lost while COMMIT was on its way: the effects may or may not exist. */
export class CommitUnknownError extends Error {
  override readonly name = 'CommitUnknownError';
}

/** No connection to PostgreSQL, or it was lost. A transaction that fails with this has written nothing. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
}
