// Every setting of the notification service.
import { defineConfig } from '@tradepost/platform/config';

export const notificationConfig = defineConfig('notification', {});
