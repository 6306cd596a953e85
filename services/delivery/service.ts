// The delivery service: messages on their way out, and what came of each.
import { DeliveryService } from '@tradepost/contracts/delivery';
import { defineService, implement } from '@tradepost/platform/service';
import { deliveryConfig } from './config.ts';
import { onNotificationRequested } from './features/on-notification-requested.ts';
import { getEmail, listEmails } from './features/read-emails.ts';
import { sendEmail } from './features/send-email.ts';
import { sendEmailEffect } from './features/send-email-effect.ts';

export const delivery = defineService({
  name: 'delivery',
  summary: 'Messages on their way out, and what came of each.',
  config: deliveryConfig,
  migrations: new URL('./migrations/', import.meta.url),
  asks: ['user'],
  rpc: [implement(DeliveryService, { sendEmail, getEmail, listEmails })],
  reactions: [onNotificationRequested],
  effects: [sendEmailEffect],
  jobs: [],
});
