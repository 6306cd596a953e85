// The only SQL on mails and their attempts.
import type { Queryable } from '@tradepost/platform/db';
import type { Position } from '@tradepost/platform/paging';

export type EmailStatus = 'queued' | 'sent' | 'bounced' | 'undelivered' | 'not_sent';

export interface NewEmail {
  readonly userId: bigint;
  readonly notificationId: bigint;
  readonly kind: string;
  readonly recipient: string;
  readonly subject: string;
  readonly message: string;
  readonly text: string;
  readonly html: string;
  readonly status: EmailStatus;
  readonly reason: string;
}

export interface StoredEmail extends NewEmail {
  readonly id: bigint;
  readonly messageId: string;
  readonly createdAt: Date;
  readonly sentAt: Date | null;
}

export interface Attempt {
  readonly number: number;
  readonly startedAt: Date;
  readonly outcome: 'sent' | 'failed' | 'bounced';
  readonly detail: string;
}

const COLUMNS = `id, user_id as "userId", notification_id as "notificationId", kind, recipient, subject, message,
  body_text as text, body_html as html, message_id as "messageId", status, reason,
  created_at as "createdAt", sent_at as "sentAt"`;

/** @param domain right side of the Message-IDs. @returns the mails in the order given. */
export async function insertEmails(
  db: Queryable,
  given: readonly NewEmail[],
  domain: string,
  now: Date,
): Promise<StoredEmail[]> {
  return db.query<StoredEmail>(
    `insert into emails (user_id, notification_id, kind, recipient, subject, message, body_text, body_html,
       status, reason, message_id, created_at)
     select user_id, notification_id, kind, recipient, subject, message, body_text, body_html, status, reason,
       '<' || gen_random_uuid() || '@' || $11 || '>', $12
     from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
         $9::text[], $10::text[]) with ordinality
       as given (user_id, notification_id, kind, recipient, subject, message, body_text, body_html, status, reason, n)
     order by n
     returning ${COLUMNS}`,
    [
      given.map((mail) => mail.userId),
      given.map((mail) => mail.notificationId),
      given.map((mail) => mail.kind),
      given.map((mail) => mail.recipient),
      given.map((mail) => mail.subject),
      given.map((mail) => mail.message),
      given.map((mail) => mail.text),
      given.map((mail) => mail.html),
      given.map((mail) => mail.status),
      given.map((mail) => mail.reason),
      domain,
      now,
    ],
  );
}

export async function findEmail(db: Queryable, id: bigint): Promise<StoredEmail | undefined> {
  const [row] = await db.query<StoredEmail>(`select ${COLUMNS} from emails where id = $1`, [id]);
  return row;
}

/** Newest first. @param userId 0 means everybody's. */
export async function listEmails(
  db: Queryable,
  userId: bigint,
  after: Position | undefined,
  limit: number,
): Promise<StoredEmail[]> {
  return db.query<StoredEmail>(
    `select ${COLUMNS} from emails
     where id < $1 ${userId === 0n ? 'and $2::bigint = 0' : 'and user_id = $2'}
     order by id desc limit $3`,
    [BigInt(after?.[0] ?? '9223372036854775807'), userId, limit],
  );
}

export async function listAttempts(db: Queryable, emailId: bigint): Promise<Attempt[]> {
  return db.query<Attempt>(
    'select number, started_at as "startedAt", outcome, detail from attempts where email_id = $1 order by number',
    [emailId],
  );
}

export interface EmailAttempt extends Omit<Attempt, 'number'> {
  readonly emailId: bigint;
  /** What the mail's status is after it. */
  readonly status: EmailStatus;
  readonly reason: string;
}

/**
 * Records attempts, one a mail at most, and what the mails' status is after them; one statement. Every attempt is a
 * row, those of an outage too, so each gets the number after the last.
 */
export async function recordAttempts(db: Queryable, made: readonly EmailAttempt[]): Promise<void> {
  await db.query(
    `with made as (
       select * from unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[])
         as made (email_id, started_at, outcome, detail, status, reason)
     ), attempted as (
       insert into attempts (email_id, number, started_at, outcome, detail)
       select made.email_id, coalesce(last.number, 0) + 1, made.started_at, made.outcome, made.detail
       from made left join lateral (
         select max(number) as number from attempts where attempts.email_id = made.email_id
       ) as last on true
     )
     update emails set status = made.status, reason = made.reason,
       sent_at = case when made.status = 'sent' then made.started_at else sent_at end
     from made where emails.id = made.email_id`,
    [
      made.map((attempt) => attempt.emailId),
      made.map((attempt) => attempt.startedAt),
      made.map((attempt) => attempt.outcome),
      made.map((attempt) => attempt.detail),
      made.map((attempt) => attempt.status),
      made.map((attempt) => attempt.reason),
    ],
  );
}
