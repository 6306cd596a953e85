// Every setting of the delivery service.
import { type ConfigOf, defineConfig } from '@tradepost/platform/config';
import { z } from 'zod';

export const deliveryConfig = defineConfig('delivery', {
  smtpUrl: {
    type: z
      .string()
      .regex(/^smtps?:\/\//, 'must start with smtp:// or smtps://')
      .optional(),
    summary:
      'SMTP server to send through, `smtp://user:password@host:587`; without it mail stays in the local mailbox.',
    env: ['SMTP_URL'],
    secret: true,
  },
  mailFrom: {
    type: z.string().min(3),
    default: 'Tradepost <no-reply@tradepost.local>',
    summary: 'Sender of every mail; its domain is that of the Message-IDs.',
    env: ['MAIL_FROM'],
  },
  smtpTimeoutMs: {
    type: z.coerce.number().int().min(100).max(50_000),
    default: 20_000,
    summary:
      'Milliseconds that the SMTP server may take for one mail, from connection to acceptance; then the connection is cut.',
  },
});

export type DeliveryConfig = ConfigOf<typeof deliveryConfig.settings>;
