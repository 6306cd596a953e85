// Stores notifications and asks for the delivery of those that are to be told.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { events } from '@tradepost/contracts/events';
import type { Cause, Transaction } from '@tradepost/platform/service';
import { insertNotifications, type NewNotification, type StoredNotification } from '../store/notifications.ts';

export async function storeAndRequest(
  tx: Transaction,
  given: readonly (NewNotification & { readonly cause: Cause })[],
): Promise<StoredNotification[]> {
  const ids = await insertNotifications(tx, given, tx.now);
  return given.map((one, place) => {
    const stored = { ...one, id: ids[place] as bigint, createdAt: tx.now };
    if (stored.status === 'queued') {
      const { id, userId, message, scoreChange, createdAt } = stored;
      tx.publish(
        events.NotificationRequested,
        { notificationId: id, userId, message, scoreChange, createdAt: timestampFromDate(createdAt) },
        one.cause,
      );
    }
    return stored;
  });
}
