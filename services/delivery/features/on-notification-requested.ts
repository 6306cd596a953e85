// A person is to be told something: rendered, stored, and sent to their address.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { events } from '@tradepost/contracts/events';
import type { User } from '@tradepost/contracts/user';
import { reaction } from '@tradepost/platform/service';
import { renderMail } from '../domain/render.ts';
import { findRecipients } from './find-recipients.ts';
import { queueEmails } from './queue-emails.ts';

export const onNotificationRequested = reaction({
  name: 'delivery.notifications',
  on: [events.NotificationRequested],
  load: (messages, context) =>
    findRecipients(
      messages.map(({ value }) => value.userId),
      context,
    ),
  async apply(messages, tx, people: Map<bigint, User>) {
    const mails = messages.map(({ value: { notificationId, userId, message, scoreChange }, cause }) => {
      const user = people.get(userId);
      const kind = scoreChange > 0 ? ('congratulation' as const) : ('message' as const);
      const { subject, text, html } = renderMail({ kind, name: user?.name ?? '', message });
      const status = user === undefined ? ('not_sent' as const) : ('queued' as const);
      const reason = user === undefined ? 'no_address' : '';
      return {
        userId,
        notificationId,
        kind,
        message,
        subject,
        text,
        html,
        status,
        reason,
        cause,
        recipient: user?.email ?? '',
      };
    });
    const stored = await queueEmails(tx, mails);
    for (const [place, { status, id, notificationId, userId, reason }] of stored.entries()) {
      if (status !== 'not_sent') continue;
      const cause = (mails[place] as (typeof mails)[number]).cause;
      const occurredAt = timestampFromDate(tx.now);
      tx.publish(
        events.MessageNotSent,
        { emailId: id, notificationId, userId, channel: 'email', reason, occurredAt },
        cause,
      );
    }
  },
});
