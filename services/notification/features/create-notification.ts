// Notifications made by request rather than by an event.
import { NotificationService } from '@tradepost/contracts/notification';
import { command } from '@tradepost/platform/service';
import { refuse } from '../domain/refusals.ts';
import { findPeople } from './find-people.ts';
import { toNotificationMessage } from './notification-message.ts';
import { storeAndRequest } from './store-and-request.ts';

export const createNotification = command(NotificationService.method.createNotification, {
  load: (items, context) =>
    findPeople(
      items.map(({ request }) => request.userId),
      context,
    ),
  async apply(items, tx, people: Set<bigint>) {
    const accepted = items.filter(({ request }) => people.has(request.userId));
    const stored = await storeAndRequest(
      tx,
      accepted.map(({ request: { userId, message, scoreChange }, meta }) => ({
        userId,
        message,
        scoreChange,
        status: 'queued' as const,
        reason: '',
        sourceEventId: null,
        cause: meta,
      })),
    );
    const byItem = new Map(accepted.map((item, place) => [item, stored[place]]));
    return items.map((item) => {
      const notification = byItem.get(item);
      return notification === undefined
        ? { refused: refuse('user_not_found', { id: item.request.userId }) }
        : { ok: { notification: toNotificationMessage(notification) } };
    });
  },
});
