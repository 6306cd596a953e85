// Partitions of outbox and log are made ahead of the producers, so that an INSERT never meets a missing one.
import type { Database } from '../../db/index.ts';
import { sqlStateOf } from '../../db/index.ts';

/** Rows of one partition. About 0.5 GB of events of the usual size. */
export const PARTITION_ROWS = 1_000_000;
/** Empty partitions that lie ahead of the last row. */
const PARTITIONS_AHEAD = 2;
/** Beats without a row after which the room is looked at all the same: others may have drawn rows. */
const IDLE_BEATS = 10;

const ROOM = `
  select (select last_value from tradepost.outbox_seq) as drawn, coalesce(max(to_seq), 1) as made
  from tradepost.outbox_partitions where from_seq >= $1`;

/** Makes what is missing ahead. Safe beside others who do the same. @returns how many partitions were made. */
export async function ensurePartitions(database: Database, partitionRows = PARTITION_ROWS): Promise<number> {
  let made = 0;
  for (;;) {
    const [room] = await database.query<{ drawn: bigint; made: bigint }>(ROOM, [0]);
    if (room === undefined || room.made - room.drawn > BigInt(partitionRows) * BigInt(PARTITIONS_AHEAD)) return made;
    await database.query('select tradepost.add_outbox_partition($1)', [partitionRows]);
    made += 1;
  }
}

/** Whether an INSERT into the outbox met no partition for its row: make one, and run the transaction again. */
export function isMissingPartition(error: unknown): boolean {
  const { table, constraint } = error as { table?: unknown; constraint?: unknown };
  return sqlStateOf(error) === '23514' && table === 'outbox' && constraint === undefined;
}

export interface RoomKeeper {
  /** Counts rows that were logged, and looks at the room when they are many. */
  count(rows: number): Promise<void>;
  /** Looks when rows were counted, and now and then in any case. Call it at each beat. */
  lookWhenDue(): Promise<void>;
}

export function createRoomKeeper(database: Database, partitionRows: number): RoomKeeper {
  let rows = 0;
  let beats = IDLE_BEATS;
  const look = async (): Promise<void> => {
    await ensurePartitions(database, partitionRows);
    rows = 0;
    beats = 0;
  };
  return {
    async count(logged) {
      rows += logged;
      if (rows >= partitionRows / 2) await look();
    },
    async lookWhenDue() {
      beats += 1;
      if (rows > 0 || beats > IDLE_BEATS) await look();
    },
  };
}
