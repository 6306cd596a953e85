// Reads of mails: one with its attempts, a page. The pages are the local mailbox.
import { DeliveryService } from '@tradepost/contracts/delivery';
import { readPage } from '@tradepost/platform/paging';
import { query } from '@tradepost/platform/service';
import { refuse } from '../domain/refusals.ts';
import { findEmail, listAttempts, listEmails as listFromStore } from '../store/emails.ts';
import { toEmailMessage } from './email-message.ts';

export const getEmail = query(DeliveryService.method.getEmail, async ({ id }, { db }) => {
  const mail = await findEmail(db, id);
  if (mail === undefined) throw refuse('email_not_found', { id });
  return { email: toEmailMessage(mail, await listAttempts(db, id)) };
});

export const listEmails = query(DeliveryService.method.listEmails, async (request, { db, cursors }) => {
  const page = await readPage(
    cursors,
    `emails/${request.userId}`,
    request,
    (after, limit) => listFromStore(db, request.userId, after, limit),
    (mail) => [String(mail.id)],
  );
  return { ...page, data: page.data.map((mail) => toEmailMessage(mail)) };
});
