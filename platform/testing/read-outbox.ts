// What a service has published, as its outbox holds it: the exact bytes that consumers get.
import type { Queryable } from '../db/index.ts';

export interface Published {
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  /** The value's bytes, as text. */
  readonly value: string;
}

/** @param topic only this one's. @returns what was committed, oldest first. */
export async function readOutbox(db: Queryable, topic?: string): Promise<Published[]> {
  const rows = await db.query<{ topic: string; key: string; type: string; value: Uint8Array }>(
    'select topic, key, type, value from tradepost.outbox where $1::text is null or topic = $1 order by seq',
    [topic ?? null],
  );
  return rows.map((row) => ({ ...row, value: Buffer.from(row.value).toString('utf8') }));
}
