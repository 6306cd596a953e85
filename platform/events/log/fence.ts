// The row that every pass locks. A take-over changes it, so that a former leader's next pass finds itself fenced.
import type { Database, SqlTransaction } from '../../db/index.ts';

/**
 * Sets the epoch from which on older leaders are fenced. A stopped process can hold the row only within one pass, which
 * is one round trip; should it, the lease's short lock timeout ends the wait and `endFenceHolder` frees the row.
 */
export async function raiseFence(tx: SqlTransaction, epoch: bigint): Promise<void> {
  await tx.query('update tradepost.fence set epoch = $1 where epoch < $1', [epoch]);
}

/** Ends the session whose transaction has locked the fence: its id is the row's xmax. */
export async function endFenceHolder(database: Database): Promise<number> {
  const ended = await database.query(`
    select pg_terminate_backend(a.pid) from tradepost.fence f
    join pg_stat_activity a on a.backend_xid = f.xmax and a.pid <> pg_backend_pid()`);
  return ended.length;
}
