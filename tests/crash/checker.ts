// Holds the system's rows, the workload's ledger and the mail server's ledger against what is guaranteed. It knows
// nothing of how the system works, only what must be true once it has come to rest.
import { topology } from '../../deploy/topology.ts';
import { type Asked, identityOf, type Ledger } from './ledger.ts';
import type { AcceptedMail } from './mail-sink.ts';
import type { OutboxRow, Rows } from './rows.ts';

export interface Evidence {
  readonly ledger: Ledger;
  readonly rows: Rows;
  readonly mails: readonly AcceptedMail[];
  /** When the system was killed, by `performance.now()`: the only moments that may have sent a mail again. */
  readonly killsAtMs: readonly number[];
}

export interface Violation {
  readonly rule: string;
  readonly count: number;
  readonly example: string;
}

const SCORE_EVENT = 'tradepost.score.v1.ScoreEventAccepted';
const REQUESTED = 'tradepost.notification.v1.NotificationRequested';

/** @returns what is violated; nothing when all holds. */
export function check(evidence: Evidence): Violation[] {
  const found = new Map<string, string[]>();
  const violate = (rule: string, example: string): void => {
    const examples = found.get(rule) ?? [];
    examples.push(example);
    found.set(rule, examples);
  };
  const events = checkAccepted(evidence, violate);
  checkLog(evidence, violate);
  checkNotifications(evidence, events, violate);
  checkMails(evidence, violate);
  for (const { consumer, state, error } of evidence.rows.parked)
    violate('nothing is parked', `${consumer} ${state}: ${error}`);
  if (evidence.rows.pendingEffects > 0) violate('no effect is left', `${evidence.rows.pendingEffects} pending`);
  return [...found].map(([rule, examples]) => ({ rule, count: examples.length, example: examples[0] as string }));
}

type Violate = (rule: string, example: string) => void;

interface PublishedScore {
  readonly id: string;
  readonly userId: number;
  readonly newScore: number;
  readonly change: number;
  readonly sequence: bigint | null;
}

// I1, I2: what was acknowledged exists once with its content; nothing exists that nobody asked for; one event each.
function checkAccepted({ ledger, rows }: Evidence, violate: Violate): PublishedScore[] {
  const stored = new Map<string, number>();
  for (const row of rows.scoreEvents) {
    const identity = identityOf(row.user_id, row.new_score);
    stored.set(identity, (stored.get(identity) ?? 0) + 1);
    const asked = ledger.asked.get(identity);
    if (asked === undefined) violate('nothing exists that nobody asked for', identity);
    else if (asked.change !== row.change) violate('what is stored is what was sent', identity);
    else if (asked.eventId !== undefined && asked.eventId !== Number(row.event_id))
      violate('the answer names the row', identity);
  }
  for (const [identity, asked] of ledger.asked) checkAnswer(identity, asked, stored.get(identity) ?? 0, violate);
  const published = (rows.outboxes.get('score') ?? []).filter((row) => row.type === SCORE_EVENT).map(toScore);
  const publishedTimes = new Map<string, number>();
  for (const event of published) {
    const identity = identityOf(event.userId, event.newScore);
    publishedTimes.set(identity, (publishedTimes.get(identity) ?? 0) + 1);
  }
  for (const identity of new Set([...stored.keys(), ...publishedTimes.keys()])) {
    if (stored.get(identity) !== publishedTimes.get(identity)) violate('one event per state change', identity);
  }
  return published;
}

function checkAnswer(identity: string, asked: Asked, times: number, violate: Violate): void {
  if (asked.outcome === 'ok' && times === 0) violate('what was acknowledged is never lost', identity);
  if (times > 1) violate('one effect per idempotency key', identity);
  if (asked.eventIds.size > 1) violate('the same key gets the same answer', identity);
  if (asked.outcome === 'refused') violate('no good request is refused', identity);
}

function toScore(row: OutboxRow): PublishedScore {
  const value = JSON.parse(row.value) as { user_id: number; new_score: number; change: number };
  return { id: row.id, userId: value.user_id, newScore: value.new_score, change: value.change, sequence: row.sequence };
}

// Every event has a place in the log, and each partition's places are dense.
function checkLog({ rows }: Evidence, violate: Violate): void {
  for (const [service, outbox] of rows.outboxes) {
    for (const row of outbox) if (row.sequence === null) violate('every event is in the log', `${service} ${row.id}`);
  }
  for (const { service, topic, part, count, first, last } of rows.logs) {
    if (first !== 1n || last !== count)
      violate('the log is dense', `${service} ${topic}/${part}: ${first}..${last} of ${count}`);
  }
}

// I5, I6, I7, I9: one notification per event, as the rule says, in the order of each person's events.
function checkNotifications({ rows }: Evidence, events: readonly PublishedScore[], violate: Violate): void {
  const bySource = new Map<string, number>();
  for (const row of rows.notifications) {
    const source = row.source_event_id ?? '';
    bySource.set(source, (bySource.get(source) ?? 0) + 1);
  }
  const byId = new Map(events.map((event) => [event.id, event]));
  for (const event of events) {
    const times = bySource.get(event.id) ?? 0;
    if (times === 0) violate('every event has its notification', `${event.userId}/${event.newScore}`);
    if (times > 1) violate('no event is applied twice', `${event.userId}/${event.newScore}: ${times} times`);
  }
  const lastSequence = new Map<number, bigint>();
  for (const row of rows.notifications) {
    const event = byId.get(row.source_event_id ?? '');
    if (event === undefined) {
      violate('no notification without an event', `notification ${row.id}`);
      continue;
    }
    const told = row.status !== 'not_sent';
    if (told !== event.change > 10) violate('the rule decides who is told', `notification ${row.id}`);
    const before = lastSequence.get(event.userId) ?? 0n;
    if (event.sequence !== null && event.sequence <= before)
      violate('order per person holds', `notification ${row.id}`);
    lastSequence.set(event.userId, event.sequence ?? before);
  }
  checkCommitOrder(rows, events, violate);
}

// The ids of one person's score events rise in the order of commits, so the log must have them in that order.
function checkCommitOrder(rows: Rows, events: readonly PublishedScore[], violate: Violate): void {
  const sequences = new Map(events.map((event) => [identityOf(event.userId, event.newScore), event.sequence]));
  const last = new Map<bigint, bigint>();
  for (const row of rows.scoreEvents) {
    const sequence = sequences.get(identityOf(row.user_id, row.new_score)) ?? 0n;
    if (sequence < (last.get(row.user_id) ?? 0n))
      violate('events of a person are logged in the order of commits', `${row.event_id}`);
    last.set(row.user_id, sequence);
  }
}

// One mail per congratulation.
function checkMails({ rows, mails, killsAtMs }: Evidence, violate: Violate): void {
  const congratulations = rows.notifications.filter((row) => row.status !== 'not_sent');
  const emailsOf = new Map<bigint, number>();
  for (const email of rows.emails) emailsOf.set(email.notification_id, (emailsOf.get(email.notification_id) ?? 0) + 1);
  for (const { id, status } of congratulations) {
    if ((emailsOf.get(id) ?? 0) !== 1)
      violate('one mail per congratulation', `notification ${id}: ${emailsOf.get(id) ?? 0} mails`);
    if (status !== 'sent') violate('a sent mail is shown on its notification', `notification ${id} is ${status}`);
  }
  const requested = (rows.outboxes.get('notification') ?? []).filter((row) => row.type === REQUESTED).length;
  if (requested !== congratulations.length)
    violate('one request per congratulation', `${requested} of ${congratulations.length}`);
  const arrived = new Map<string, number>();
  for (const { messageId } of mails) arrived.set(messageId, (arrived.get(messageId) ?? 0) + 1);
  for (const { message_id: messageId, status } of rows.emails) {
    const times = arrived.get(messageId) ?? 0;
    if (times === 0 || status !== 'sent')
      violate('every mail arrives', `${messageId} ${status}, arrived ${times} times`);
  }
  checkRepeats(mails, killsAtMs, violate);
  const known = new Set(rows.emails.map((email) => email.message_id));
  for (const messageId of arrived.keys()) if (!known.has(messageId)) violate('no mail without a record', messageId);
}

// A mail is recorded within moments of its acceptance; what the dying process had sent may be read a moment after.
const RECORDED_WITHIN_MS = 3_000;
const READ_WITHIN_MS = 500;

// The same Message-ID twice only where a kill came between the acceptance and its record, and at each kill no more
// than can be under way.
function checkRepeats(mails: readonly AcceptedMail[], killsAtMs: readonly number[], violate: Violate): void {
  const last = new Map<string, number>();
  const repeats = new Map<number, number>();
  for (const { messageId, atMs } of mails) {
    const beforeMs = last.get(messageId);
    last.set(messageId, atMs);
    if (beforeMs === undefined) continue;
    const kill = killsAtMs.find((killMs) => {
      return beforeMs - READ_WITHIN_MS <= killMs && killMs - beforeMs <= RECORDED_WITHIN_MS && killMs <= atMs;
    });
    if (kill === undefined) violate('no mail arrives twice', `${messageId}, ${Math.round(atMs - beforeMs)} ms later`);
    else repeats.set(kill, (repeats.get(kill) ?? 0) + 1);
  }
  const most = mailsUnderWay();
  for (const count of repeats.values()) {
    if (count > most) violate('no mail arrives twice', `${count} after one kill, when at most ${most} were under way`);
  }
}

/** Mails that the delivery service may have under way at once. */
function mailsUnderWay(): number {
  const effects = topology.flatMap(({ service }) => service.effects);
  const found = effects.find(({ name }) => name === 'delivery.send-email')?.concurrency;
  if (found === undefined) throw new Error('the delivery service no longer says how many mails it sends at once');
  return found;
}
