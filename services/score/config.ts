// Every setting of the score service.
import { type ConfigOf, defineConfig } from '@tradepost/platform/config';

export const scoreConfig = defineConfig('score', {});

export type ScoreConfig = ConfigOf<typeof scoreConfig.settings>;
