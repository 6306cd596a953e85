// Reads of notifications: one, a page.
import { NotificationService } from '@tradepost/contracts/notification';
import { readPage } from '@tradepost/platform/paging';
import { query } from '@tradepost/platform/service';
import { refuse } from '../domain/refusals.ts';
import { findNotification, listNotifications as listFromStore } from '../store/notifications.ts';
import { toNotificationMessage } from './notification-message.ts';

export const getNotification = query(NotificationService.method.getNotification, async ({ id }, { db }) => {
  const notification = await findNotification(db, id);
  if (notification === undefined) throw refuse('notification_not_found', { id });
  return { notification: toNotificationMessage(notification) };
});

export const listNotifications = query(
  NotificationService.method.listNotifications,
  async (request, { db, cursors }) => {
    const page = await readPage(
      cursors,
      `notifications/${request.userId}`,
      request,
      (after, limit) => listFromStore(db, request.userId, after, limit),
      (notification) => [String(notification.id)],
    );
    return { ...page, data: page.data.map(toNotificationMessage) };
  },
);
