// Every setting of the notification service.
import { type ConfigOf, defineConfig } from '@tradepost/platform/config';

export const notificationConfig = defineConfig('notification', {});

export type NotificationConfig = ConfigOf<typeof notificationConfig.settings>;
