// How a notification is shown to callers.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { StoredNotification } from '../store/notifications.ts';

export function toNotificationMessage(stored: StoredNotification) {
  const { id, userId, message, scoreChange, status, reason } = stored;
  return { id, userId, message, scoreChange, status, reason, createdAt: timestampFromDate(stored.createdAt) };
}
