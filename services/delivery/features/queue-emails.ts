// Stores rendered mails and records the intent to send those that have an address.
import type { Cause, Transaction } from '@tradepost/platform/service';
import type { DeliveryConfig } from '../config.ts';
import { insertEmails, type NewEmail, type StoredEmail } from '../store/emails.ts';
import { sendEmailEffect } from './send-email-effect.ts';

/** The domain of `Name <local@domain>`. */
function domainOf(address: string): string {
  return address.match(/@([^>\s]+)/)?.[1] ?? 'tradepost.local';
}

/** @returns the stored mails in the order given. */
export async function queueEmails(
  tx: Transaction<DeliveryConfig>,
  given: readonly (NewEmail & { readonly cause: Cause })[],
): Promise<StoredEmail[]> {
  if (given.length === 0) return [];
  const stored = await insertEmails(tx, given, domainOf(tx.config.mailFrom), tx.now);
  for (const [place, mail] of stored.entries()) {
    if (mail.status !== 'queued') continue;
    const intent = {
      emailId: String(mail.id),
      userId: String(mail.userId),
      notificationId: String(mail.notificationId),
    };
    const cause = (given[place] as { cause: Cause }).cause;
    tx.intend(sendEmailEffect, intent, { cause, key: mail.userId === 0n ? mail.recipient : `user ${mail.userId}` });
  }
  return stored;
}
