// Everything the notification service refuses.
import { defineRefusals } from '@tradepost/platform/errors';

export const refuse = defineRefusals({
  notification_not_found: {
    status: 'NOT_FOUND',
    title: 'Notification not found',
    detail: ({ id }: { id: bigint }) => `There is no notification ${id}.`,
  },
  user_not_found: {
    status: 'NOT_FOUND',
    title: 'User not found',
    detail: ({ id }: { id: bigint }) => `There is no user ${id}.`,
  },
});
