// Mails by request: to a person, or to an address.
import { DeliveryService, type SendEmailRequest } from '@tradepost/contracts/delivery';
import type { User } from '@tradepost/contracts/user';
import { Refusal } from '@tradepost/platform/errors';
import { command } from '@tradepost/platform/service';
import { refuse } from '../domain/refusals.ts';
import { renderMail } from '../domain/render.ts';
import { toEmailMessage } from './email-message.ts';
import { findRecipients } from './find-recipients.ts';
import { queueEmails } from './queue-emails.ts';

export const sendEmail = command(DeliveryService.method.sendEmail, {
  load: (items, context) => {
    const ids = items.map(({ request }) => request.userId).filter((id) => id !== 0n);
    return findRecipients(ids, context);
  },
  async apply(items, tx, people: Map<bigint, User>) {
    const decided = items.map(({ request, meta }) => {
      const mail = compose(request, people);
      return mail instanceof Refusal ? mail : { ...mail, cause: meta };
    });
    const accepted = decided.filter((mail) => !(mail instanceof Refusal));
    const stored = await queueEmails(tx, accepted);
    return decided.map((mail) => {
      if (mail instanceof Refusal) return { refused: mail };
      const email = stored[accepted.indexOf(mail)] as (typeof stored)[number];
      return { ok: { email: toEmailMessage(email) } };
    });
  },
});

function compose({ userId, to, subject, message }: SendEmailRequest, people: Map<bigint, User>) {
  if ((userId === 0n) === (to === '')) return refuse('recipient_missing', {});
  const user = people.get(userId);
  if (userId !== 0n && user === undefined) return refuse('user_not_found', { id: userId });
  const rendered = renderMail({ kind: 'message', name: user?.name ?? '', message, subject });
  return {
    ...rendered,
    ...{ userId, message, recipient: user?.email ?? to },
    ...{ kind: 'message', notificationId: 0n, status: 'queued' as const, reason: '' },
  };
}
