// What an operator may do with messages that a consumer could not handle. Every change of state is one statement, which
// marks the row for the consumer's own loop: nothing is applied here, so order and ownership hold.
import type { EventDeclaration } from '@tradepost/contracts/declare-event';
import type { Queryable } from '../../db/index.ts';
import type { Refusal } from '../../errors/index.ts';
import { checkEditedValue } from './decode-record.ts';
import { refuseParked } from './parked-refusals.ts';
import type { ParkedState } from './parked-store.ts';

export interface ParkedMessage {
  readonly id: bigint;
  readonly consumer: string;
  readonly producer: string;
  readonly topic: string;
  readonly part: number;
  readonly sequence: bigint;
  readonly incarnation: string;
  readonly messageId: string;
  readonly type: string;
  readonly key: string;
  readonly occurredAt: Date;
  readonly requestId: string;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly value: Uint8Array;
  /** The value as it was delivered, when it was edited since. */
  readonly originalValue: Uint8Array | undefined;
  readonly state: ParkedState;
  readonly attempts: number;
  readonly nextAt: Date | undefined;
  readonly parkedAt: Date;
  readonly firstFailedAt: Date | undefined;
  readonly lastFailedAt: Date | undefined;
  readonly settledAt: Date | undefined;
  readonly error: string;
  readonly stack: string;
  readonly fingerprint: string;
  readonly note: string;
  /** Messages of its key that wait behind it. */
  readonly heldBehind: number;
}

export interface ParkedFilter {
  readonly consumer?: string;
  readonly state?: ParkedState;
  readonly key?: string;
  readonly fingerprint?: string;
  readonly messageId?: string;
}

type ParkedRow = Record<string, unknown>;

const COLUMNS = `
  id, consumer, producer, topic, part, sequence, incarnation, message_id, type, key, occurred_at, request_id,
  correlation_id, causation_id, traceparent, value, original_value, state, attempts, next_at, parked_at,
  first_failed_at, last_failed_at, settled_at, error, stack, fingerprint, note,
  (select count(*)::integer from tradepost.parked_messages held
   where held.consumer = parked.consumer and held.producer = parked.producer and held.topic = parked.topic
     and held.key = parked.key and held.id > parked.id and held.state = 'held') as held_behind`;

const MATCHES = `
  ($1::text is null or consumer = $1) and ($2::text is null or state = $2) and ($3::text is null or key = $3)
  and ($4::text is null or fingerprint = $4) and ($5::uuid is null or message_id = $5)`;

function filterParameters(filter: ParkedFilter): (string | null)[] {
  const { consumer, state, key, fingerprint, messageId } = filter;
  return [consumer ?? null, state ?? null, key ?? null, fingerprint ?? null, messageId ?? null];
}

/** @param page `before` is the id of the last row that was shown. @returns the newest first. */
export async function listParked(
  sql: Queryable,
  filter: ParkedFilter,
  page: { readonly limit: number; readonly before?: bigint },
): Promise<ParkedMessage[]> {
  const rows = await sql.query<ParkedRow>(
    `select ${COLUMNS} from tradepost.parked_messages parked
     where ${MATCHES} and ($6::bigint is null or id < $6) order by id desc limit $7`,
    [...filterParameters(filter), page.before ?? null, page.limit],
  );
  return rows.map(fromRow);
}

/** @throws Refusal `parked_message_not_found`. */
export async function getParked(sql: Queryable, id: bigint): Promise<ParkedMessage> {
  const [row] = await sql.query<ParkedRow>(`select ${COLUMNS} from tradepost.parked_messages parked where id = $1`, [
    id,
  ]);
  if (row === undefined) throw refuseParked('parked_message_not_found', { id });
  return fromRow(row);
}

/**
 * Replaces the value of a dead message; the one that was delivered is kept beside it. The message keeps its id, so what
 * it causes is still traced to the event that was published.
 * @param declarations the events that the service consumes: the value must fit its own, and keep its key.
 * @throws Refusal
 */
export async function editParked(
  sql: Queryable,
  declarations: readonly EventDeclaration[],
  id: bigint,
  edit: { readonly value: Uint8Array; readonly note?: string },
): Promise<ParkedMessage> {
  const { type, key } = await getParked(sql, id);
  const fault = checkEditedValue(declarations, { type, key, value: edit.value });
  if (fault !== undefined) throw refuseParked('parked_value_invalid', { reason: fault });
  const edited = await sql.query(
    `update tradepost.parked_messages
     set value = $2, original_value = coalesce(original_value, value), note = coalesce($3, note)
     where id = $1 and state = 'dead' returning id`,
    [id, Buffer.from(edit.value), edit.note || null],
  );
  if (edited.length === 0) throw await inAnotherState(sql, id, 'edited');
  return await getParked(sql, id);
}

export interface ReplayRequest {
  /** These; when empty, all dead ones that match the filter. */
  readonly ids?: readonly bigint[];
  readonly filter?: Omit<ParkedFilter, 'state'>;
  /** Counts, and changes nothing. */
  readonly dryRun?: boolean;
  readonly now: Date;
}

/** Makes dead messages due. Tell the consumer afterwards with `poke`, or it finds out by itself. */
export async function replayParked(
  sql: Queryable,
  request: ReplayRequest,
): Promise<{ readonly matched: number; readonly replayed: number }> {
  const { ids = [], filter = {}, now } = request;
  const where = `${MATCHES} and ($6::bigint[] is null or id = any ($6))`;
  const parameters = [...filterParameters({ ...filter, state: 'dead' }), ids.length === 0 ? null : ids];
  if (request.dryRun === true) {
    const [row] = await sql.query<{ matched: number }>(
      `select count(*)::integer as matched from tradepost.parked_messages where ${where}`,
      parameters,
    );
    return { matched: row?.matched ?? 0, replayed: 0 };
  }
  const rows = await sql.query(
    `update tradepost.parked_messages set state = 'waiting', next_at = $7 where ${where} returning id`,
    [...parameters, now],
  );
  return { matched: rows.length, replayed: rows.length };
}

/** Gives a dead or waiting message up; its key flows on. @throws Refusal */
export async function dropParked(
  sql: Queryable,
  id: bigint,
  { note, now }: { readonly note: string; readonly now: Date },
): Promise<ParkedMessage> {
  const dropped = await sql.query(
    `update tradepost.parked_messages set state = 'dropped', next_at = $3, settled_at = $3, note = $2
     where id = $1 and state in ('dead', 'waiting') returning id`,
    [id, note, now],
  );
  if (dropped.length === 0) throw await inAnotherState(sql, id, 'dropped');
  return await getParked(sql, id);
}

async function inAnotherState(sql: Queryable, id: bigint, action: string): Promise<Refusal> {
  const { state } = await getParked(sql, id);
  return refuseParked('parked_message_in_another_state', { id, state, action });
}

function fromRow(row: ParkedRow): ParkedMessage {
  return {
    id: row.id as bigint,
    consumer: row.consumer as string,
    producer: row.producer as string,
    topic: row.topic as string,
    part: row.part as number,
    sequence: row.sequence as bigint,
    incarnation: row.incarnation as string,
    messageId: row.message_id as string,
    type: row.type as string,
    key: row.key as string,
    occurredAt: row.occurred_at as Date,
    requestId: row.request_id as string,
    correlationId: row.correlation_id as string,
    causationId: (row.causation_id as string | null) ?? undefined,
    traceparent: (row.traceparent as string | null) ?? undefined,
    value: row.value as Uint8Array,
    originalValue: (row.original_value as Uint8Array | null) ?? undefined,
    state: row.state as ParkedState,
    attempts: row.attempts as number,
    nextAt: (row.next_at as Date | null) ?? undefined,
    parkedAt: row.parked_at as Date,
    firstFailedAt: (row.first_failed_at as Date | null) ?? undefined,
    lastFailedAt: (row.last_failed_at as Date | null) ?? undefined,
    settledAt: (row.settled_at as Date | null) ?? undefined,
    error: row.error as string,
    stack: row.stack as string,
    fingerprint: row.fingerprint as string,
    note: row.note as string,
    heldBehind: row.held_behind as number,
  };
}
