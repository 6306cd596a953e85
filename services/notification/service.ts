// The notification service: who is told what, and why something was not told.
import { NotificationService } from '@tradepost/contracts/notification';
import { defineService, implement } from '@tradepost/platform/service';
import { notificationConfig } from './config.ts';
import { createNotification } from './features/create-notification.ts';
import { onDeliveryEvent } from './features/on-delivery-event.ts';
import { onScoreEvent } from './features/on-score-event.ts';
import { getNotification, listNotifications } from './features/read-notifications.ts';

export const notification = defineService({
  name: 'notification',
  summary: 'Who is told what, and why something was not told.',
  config: notificationConfig,
  migrations: new URL('./migrations/', import.meta.url),
  asks: ['user'],
  rpc: [implement(NotificationService, { createNotification, getNotification, listNotifications })],
  reactions: [onScoreEvent, onDeliveryEvent],
  effects: [],
  jobs: [],
});
