// What the owner of a consumer knows by heart: cursors, blocked keys, counts. It is loaded at every take-over and after
// every doubt, never patched up from a guess.
import type { Database } from '../../db/index.ts';
import type { EventSource } from '../bus.ts';
import { appendCursor, type CursorIdentity, type PartitionCursor, readCursor } from './cursor-store.ts';
import { countParked, type ParkedCounts, readBlockedKeys } from './parked-store.ts';
import { partitionKey } from './plan-batch.ts';
import { beginRun, type Suspicion } from './process-deaths.ts';

export interface RunnerState {
  readonly epoch: bigint;
  /** Number of the last cursor record. */
  n: bigint;
  cursors: ReadonlyMap<string, PartitionCursor>;
  /** The log's present one. */
  incarnation: string;
  readonly blocked: Set<string>;
  readonly suspicion: Suspicion;
  counts: ParkedCounts;
}

export interface StateSource {
  readonly database: Database;
  readonly source: EventSource;
  readonly identity: CursorIdentity;
  /** Every topic, with its number of partitions. */
  readonly topics: ReadonlyMap<string, number>;
  readonly lease: string;
  readonly holdsKeys: boolean;
}

export function blockKey(place: { readonly topic: string; readonly key: string }): string {
  return `${place.topic}\0${place.key}`;
}

/**
 * Loads all of it. A partition that was never read begins at the first record retained, and that is written down.
 * @param known what is suspected since this epoch began; absent at its beginning.
 */
export async function loadState(from: StateSource, epoch: bigint, known: Suspicion | undefined): Promise<RunnerState> {
  const { database, source, identity, topics, lease, holdsKeys } = from;
  const [record, heads, incarnation, blocked, counts] = await Promise.all([
    readCursor(database, identity),
    source.heads([...topics.keys()]),
    source.incarnation(),
    holdsKeys ? readBlockedKeys(database, identity) : [],
    countParked(database, identity),
  ]);
  const stored = new Map((record?.partitions ?? []).map((cursor) => [partitionKey(cursor), cursor]));
  const cursors = new Map<string, PartitionCursor>();
  const retained = new Map(heads.map((head) => [partitionKey(head), head.firstRetained]));
  for (const [topic, partitions] of topics) {
    for (let part = 0; part < partitions; part += 1) {
      const name = partitionKey({ topic, part });
      const after = (retained.get(name) ?? 1n) - 1n;
      cursors.set(name, stored.get(name) ?? { topic, part, after, incarnation });
    }
  }
  const state: RunnerState = {
    epoch,
    n: record?.n ?? 0n,
    cursors,
    incarnation,
    blocked: new Set(blocked.map(blockKey)),
    suspicion: known ?? (await beginRun(database, identity, epoch, record?.n ?? 0n)),
    counts,
  };
  if ([...cursors.keys()].some((name) => !stored.has(name))) {
    const next = { n: state.n + 1n, partitions: [...cursors.values()] };
    await appendCursor(database, identity, { lease, epoch }, next);
    state.n = next.n;
  }
  return state;
}
