// How a mail is shown to callers.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Attempt, StoredEmail } from '../store/emails.ts';

export function toEmailMessage(mail: StoredEmail, attempts: readonly Attempt[] = []) {
  const { id, userId, notificationId, recipient: to, subject, text, html, messageId, status, reason } = mail;
  return {
    ...{ id, to, subject, text, html, messageId, status, reason },
    ...(userId === 0n ? {} : { userId }),
    ...(notificationId === 0n ? {} : { notificationId }),
    createdAt: timestampFromDate(mail.createdAt),
    ...(mail.sentAt === null ? {} : { sentAt: timestampFromDate(mail.sentAt) }),
    attempts: attempts.map((attempt) => ({ ...attempt, startedAt: timestampFromDate(attempt.startedAt) })),
  };
}
