// What became of a message is shown on its notification.
import { events } from '@tradepost/contracts/events';
import { reaction } from '@tradepost/platform/service';
import { statusAfter } from '../domain/rules.ts';
import { setStatuses } from '../store/notifications.ts';

export const onDeliveryEvent = reaction({
  name: 'notification.delivery-events',
  on: [events.MessageSent, events.MessageBounced, events.MessageNotSent],
  maxBatch: 500,
  async apply(messages, tx) {
    const changes = messages
      .filter(({ value }) => value.notificationId !== 0n)
      .map(({ event, value }) => ({
        id: value.notificationId,
        status: statusAfter(event.name),
        reason: value.reason,
      }));
    if (changes.length > 0) await setStatuses(tx, changes);
  },
});
