// Hands one mail to the SMTP server, or, where there is none, logs the documented line and leaves it in the mailbox.
// A mail may arrive twice, with one Message-ID, only where its acceptance did not reach our record: the process or the
// connection ended between the two, an answer came after the time for it, or a stopped process went on after others had
// waited that time for it.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { events } from '@tradepost/contracts/events';
import { type Attempt, type Context, effect, type Performed } from '@tradepost/platform/service';
import type { DeliveryConfig } from '../config.ts';
import { sendingLine } from '../domain/log-line.ts';
import { createSmtpSender, type SmtpSender } from '../providers/smtp.ts';
import { type EmailAttempt, findEmail, recordAttempts, type StoredEmail } from '../store/emails.ts';

/** Ids are text here: an intent is stored as JSON. */
export interface SendEmailIntent {
  readonly emailId: string;
  readonly userId: string;
  readonly notificationId: string;
}

const senders = new Map<string, SmtpSender>();

function senderFor({ smtpUrl: url, smtpTimeoutMs: timeoutMs }: DeliveryConfig): SmtpSender | undefined {
  if (url === undefined) return undefined;
  const sender = senders.get(url) ?? createSmtpSender(url, timeoutMs);
  senders.set(url, sender);
  return sender;
}

export const sendEmailEffect = effect<SendEmailIntent, string, DeliveryConfig>({
  name: 'delivery.send-email',
  // Attempts that end together are recorded together, so many are under way; over SMTP most of them wait for one of its
  // few connections, and the time that they may take counts that wait.
  concurrency: 32,
  timeoutMs: 60_000,
  // About three days: a mailbox that is full or greylisted is tried again for that long, hourly at last.
  maxAttempts: 75,

  async perform({ emailId }, { stopping }, context) {
    const mail = await findEmail(context.db, BigInt(emailId));
    if (mail === undefined) return { outcome: 'rejected', detail: `there is no e-mail ${emailId}` };
    const sender = senderFor(context.config);
    return sender === undefined ? keepInMailbox(mail, context) : handOver(mail, sender, stopping, context);
  },

  async record(attempts, tx) {
    await recordAttempts(
      tx,
      attempts.map((attempt) => attemptOf(attempt, tx.now)),
    );
    for (const { intent, performed, final, cause } of attempts) {
      if (!final) continue;
      const payload = {
        emailId: BigInt(intent.emailId),
        notificationId: BigInt(intent.notificationId),
        userId: BigInt(intent.userId),
        channel: 'email',
        reason: performed.outcome === 'done' ? '' : performed.detail,
        occurredAt: timestampFromDate(tx.now),
      };
      if (performed.outcome === 'done') tx.publish(events.MessageSent, payload, cause);
      else if (performed.outcome === 'rejected') tx.publish(events.MessageBounced, payload, cause);
      else tx.publish(events.MessageNotSent, payload, cause);
    }
  },
});

function attemptOf({ intent, performed, final }: Attempt<SendEmailIntent, string>, now: Date): EmailAttempt {
  const shared = { emailId: BigInt(intent.emailId), startedAt: now };
  if (performed.outcome === 'done') {
    return { ...shared, outcome: 'sent', detail: performed.result, status: 'sent', reason: '' };
  }
  const { detail } = performed;
  if (performed.outcome === 'rejected') {
    return { ...shared, outcome: 'bounced', detail, status: 'bounced', reason: detail };
  }
  return { ...shared, outcome: 'failed', detail, status: final ? 'undelivered' : 'queued', reason: detail };
}

function keepInMailbox(mail: StoredEmail, { clock, log }: Context): Performed<string> {
  const recipient = mail.userId === 0n ? mail.recipient : `user ${mail.userId}`;
  const line = sendingLine(clock.now(), mail.kind, recipient, mail.message);
  log.line({ email_id: mail.id, message_id: mail.messageId }, line);
  return { outcome: 'done', result: 'kept in the local mailbox' };
}

async function handOver(
  mail: StoredEmail,
  sender: SmtpSender,
  stopping: AbortSignal,
  { config, signal }: Context<DeliveryConfig>,
): Promise<Performed<string>> {
  const { recipient: to, subject, text, html, messageId } = mail;
  const handover = await sender.send({ from: config.mailFrom, to, subject, text, html, messageId }, signal, stopping);
  if (handover.outcome === 'accepted') return { outcome: 'done', result: handover.answer };
  if (handover.outcome === 'refused') return { outcome: 'rejected', detail: handover.answer };
  return { outcome: 'retry', detail: handover.answer, outage: handover.outage };
}
