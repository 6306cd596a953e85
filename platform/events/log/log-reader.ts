// Reads a producer's log out of the producer's own database: many (topic, part) in one round trip, in order, without
// gaps. A hole is an error here, never a skipped record.
import type { Database } from '../../db/index.ts';
import { sqlStateOf } from '../../db/index.ts';
import { LogHoleError, type LogRecord, OutOfRange, type PartHead, type Position } from './log-record.ts';

export interface LogReader {
  readonly producer: string;
  /** The present incarnation's id. */
  incarnation(): Promise<string>;
  /** Every (topic, part) of the topics, or of all topics, that ever had a record. */
  heads(topics?: readonly string[]): Promise<PartHead[]>;
  /**
   * At most `limit` records behind the positions, in order per (topic, part). Each position gets its share: no backlog
   * hides another's next record. @throws OutOfRange when retention has passed a position.
   */
  read(positions: readonly Position[], limit: number): Promise<LogRecord[]>;
  /** Notes how far a consumer has committed: retention keeps what follows. @param at domain time. */
  report(consumer: string, positions: readonly Position[], at: Date): Promise<void>;
  /** Calls the listener soon after there is more to read. A hint: polling is the truth. @returns how to stop. */
  onAdvance(listener: () => void): () => void;
}

export interface LogReaderOptions {
  /** A pool of the producer's database; reading takes one connection for one round trip at a time. */
  readonly database: Database;
  /** Whoever knows when the log advances: the sequencer in this process, or the wake-ups from another one. */
  readonly advances?: { onAdvance(listener: () => void): () => void };
}

interface RecordRow {
  topic: string;
  part: number;
  sequence: bigint;
  incarnation: string;
  id: string;
  type: string;
  key: string;
  occurred_at: Date;
  request_id: string;
  correlation_id: string;
  causation_id: string | null;
  traceparent: string | null;
  origin: string | null;
  value: Uint8Array;
}

const COLUMNS = `id, type, key, occurred_at, request_id, correlation_id, causation_id, traceparent, origin, value`;

const HEADS = `
  select p.topic, p.part, greatest(l.sequence, p.first_retained - 1) as head, p.first_retained
  from tradepost.log_parts p
  left join lateral (
    select sequence from tradepost.log l
    where l.topic = p.topic and l.part = p.part order by sequence desc limit 1
  ) l on true
  where $1::text[] is null or p.topic = any ($1) order by p.topic, p.part`;

const REPORT = `
  insert into tradepost.log_readers as known (consumer, topic, part, after_sequence, incarnation, reported_at)
  select $1, topic, part, after_sequence, incarnation, $6
  from unnest($2::text[], $3::integer[], $4::bigint[], $5::uuid[]) as place (topic, part, after_sequence, incarnation)
  on conflict on constraint log_readers_pkey do update set after_sequence = excluded.after_sequence,
    incarnation = excluded.incarnation, reported_at = excluded.reported_at`;

export function openLogReader({ database, advances }: LogReaderOptions): LogReader {
  const producer = database.service;
  return {
    producer,
    async incarnation() {
      const [row] = await database.query<{ id: string }>(
        'select id from tradepost.incarnations order by n desc limit $1',
        [1],
      );
      if (row === undefined) throw new Error(`the log of ${producer} has no incarnation`);
      return row.id;
    },
    async heads(topics) {
      const rows = await database.query<{ topic: string; part: number; head: bigint; first_retained: bigint }>(HEADS, [
        topics ?? null,
      ]);
      return rows.map(({ topic, part, head, first_retained }) => ({
        topic,
        part,
        head,
        firstRetained: first_retained,
      }));
    },
    async read(positions, limit) {
      if (positions.length === 0) return [];
      const rows = await readRows(database, positions, limit);
      const records = rows.map((row) => toRecord(producer, row));
      refuseHoles(positions, records);
      return records;
    },
    async report(consumer, positions, at) {
      await database.query(REPORT, [consumer, ...columnsOf(positions), at]);
    },
    onAdvance: (listener) => advances?.onAdvance(listener) ?? (() => {}),
  };
}

async function readRows(database: Database, positions: readonly Position[], limit: number): Promise<RecordRow[]> {
  try {
    return await database.query<RecordRow>(
      `select topic, part, sequence, incarnation, ${COLUMNS}
       from tradepost.read_log(topics => $1, parts => $2, afters => $3, incarnations => $4, lim => $5)`,
      [...columnsOf(positions), limit],
    );
  } catch (error) {
    if (sqlStateOf(error) !== 'TP416') throw error;
    const [topic, part, first] = JSON.parse((error as { detail: string }).detail) as [string, number, string];
    throw new OutOfRange(database.service, topic, part, BigInt(first));
  }
}

/** Topics, parts, sequences and incarnations. */
function columnsOf(positions: readonly Position[]): unknown[] {
  return [
    positions.map(({ topic }) => topic),
    positions.map(({ part }) => part),
    positions.map(({ after }) => after),
    positions.map(({ incarnation }) => incarnation ?? null),
  ];
}

function toRecord(producer: string, row: RecordRow): LogRecord {
  return {
    id: row.id,
    producer,
    type: row.type,
    topic: row.topic,
    part: row.part,
    sequence: row.sequence,
    incarnation: row.incarnation,
    key: row.key,
    occurredAt: row.occurred_at,
    requestId: row.request_id,
    correlationId: row.correlation_id,
    ...(row.causation_id === null ? {} : { causationId: row.causation_id }),
    ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
    ...(row.origin === null ? {} : { origin: row.origin }),
    value: row.value,
  };
}

// A position of an ended incarnation may be led back, so a first record before it is right; one behind it is not.
function refuseHoles(positions: readonly Position[], records: readonly LogRecord[]): void {
  const taken = new Map(positions.map(({ topic, part, after }) => [`${topic}/${part}`, { after, first: true }]));
  for (const { topic, part, sequence, producer } of records) {
    const at = taken.get(`${topic}/${part}`);
    const due = (at?.after ?? 0n) + 1n;
    if (at === undefined || sequence > due || (!at.first && sequence !== due)) {
      throw new LogHoleError(`The log of ${producer} lacks ${topic}/${part} ${due}: ${sequence} came instead.`);
    }
    at.after = sequence;
    at.first = false;
  }
}

export interface FindOptions {
  readonly topic: string;
  /** Only events of this key. */
  readonly key?: string;
  /** How many, counted from the end of the log. */
  readonly limit: number;
}

// `log` has no index by seq: among the few records with the event's topic and part the id's row is looked up first.
const placeOf = (outbox: string): string => `
  select l.topic, l.part, l.sequence, (select id from tradepost.incarnations order by n desc limit 1) as incarnation,
    o.id, o.type, o.key, o.occurred_at, o.request_id, o.correlation_id, o.causation_id, o.traceparent, o.origin, o.value
  from ${outbox} o join tradepost.log l on l.seq = o.seq and l.topic = o.topic and l.part = o.part`;

/** @returns the record of an event, or undefined when it is unknown or not in the log yet. */
export async function findRecord(database: Database, id: string): Promise<LogRecord | undefined> {
  const [row] = await database.query<RecordRow>(`${placeOf('tradepost.outbox')} where o.id = $1`, [id]);
  return row === undefined ? undefined : toRecord(database.service, row);
}

/** Events, from the end, among which the last ones of a topic or key are looked for: a rare key costs no more. */
const LOOKED_AT = 100_000;

/** @returns the last records of a topic among the last 100,000 events, oldest first: as they were published. */
export async function lastRecords(database: Database, { topic, key, limit }: FindOptions): Promise<LogRecord[]> {
  const rows = await database.query<RecordRow>(
    `${placeOf(`(select * from tradepost.outbox order by seq desc limit ${LOOKED_AT})`)}
     where o.topic = $1 and ($2::text is null or o.key = $2) order by o.seq desc limit $3`,
    [topic, key ?? null, limit],
  );
  return rows.reverse().map((row) => toRecord(database.service, row));
}
