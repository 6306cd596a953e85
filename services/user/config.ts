// Every setting of the user service.
import { type ConfigOf, defineConfig, textList } from '@tradepost/platform/config';
import { parseSeed } from './domain/seed-person.ts';

export const userConfig = defineConfig('user', {
  seed: {
    type: textList.refine((lines) => lines.every((line) => parseSeed(line) !== undefined), {
      error: 'must list people such as "42 Ada Lovelace <ada@example.com>"',
    }),
    default: [] as readonly string[],
    summary: 'People who exist from the first start on, with these ids: for following a documented example.',
    example: '42 Ada Lovelace <ada@example.com>',
  },
});

export type UserConfig = ConfigOf<typeof userConfig.settings>;
