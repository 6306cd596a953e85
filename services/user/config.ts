// Every setting of the user service.
import { type ConfigOf, defineConfig } from '@tradepost/platform/config';

export const userConfig = defineConfig('user', {});

export type UserConfig = ConfigOf<typeof userConfig.settings>;
