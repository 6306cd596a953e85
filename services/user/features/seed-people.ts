// Registers the people of the setting `user.seed` who are not there yet, under the ids that a documented example uses.
import { events } from '@tradepost/contracts/events';
import { job } from '@tradepost/platform/service';
import { uuidv7 } from '@tradepost/platform/time';
import type { UserConfig } from '../config.ts';
import { parseSeed } from '../domain/seed-person.ts';
import { insertSeeds } from '../store/users.ts';
import { toUserMessage } from './user-message.ts';

export const seedPeople = job<UserConfig>({
  name: 'user.seed',
  everyMs: 24 * 60 * 60 * 1000,
  async run(context, transaction) {
    const seeds = context.config.seed.flatMap((line: string) => parseSeed(line) ?? []);
    if (seeds.length === 0) return;
    const requestId = uuidv7();
    await transaction(async (tx) => {
      for (const person of await insertSeeds(tx, seeds, tx.now))
        tx.publish(events.UserCreated, toUserMessage(person), { requestId, correlationId: requestId });
    });
  },
});
