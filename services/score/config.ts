// Every setting of the score service.
import { defineConfig } from '@tradepost/platform/config';

export const scoreConfig = defineConfig('score', {});
