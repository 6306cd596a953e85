// Run by `paranoid.int.test.ts` in a process of its own, because the mode is read from the environment.
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import { Refusal } from '@tradepost/platform/errors';
import { createLogger } from '@tradepost/platform/telemetry';
import { assertWhole, startSpine } from './spine.ts';

/** Repeats what was refused as unavailable, as any caller has to, under the same key. */
async function persistently<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 'UNAVAILABLE' || tries === 50) throw error;
    }
  }
}

const platform = await startSpine({ log: createLogger({ level: 'fatal', format: 'json' }) });
const people: bigint[] = [];
for (let n = 0; n < 10; n += 1) {
  const meta = { idempotencyKey: `person-${n}` };
  const given = { name: `Person ${n}`, email: `person${n}@example.com` };
  const { user } = await persistently(() => platform.client(UserService).createUser(given, { meta }));
  if (user !== undefined) people.push(user.id);
}
await Promise.all(
  people.map(async (userId) => {
    for (let change = 1; change <= 14; change += 1) {
      const meta = { idempotencyKey: `event-${userId}-${change}` };
      const event = { userId, newScore: 700, change };
      await persistently(() => platform.client(ScoreService).sendScoreEvent(event, { meta }));
    }
  }),
);
await platform.settle(30_000);
await assertWhole(platform);
const count = async (service: string, table: string): Promise<bigint> =>
  (await platform.database(service).query<{ n: bigint }>(`select count(*) as n from ${table}`))[0]?.n ?? 0n;
const notifications = await count('notification', 'notifications');
const mails = await count('delivery', 'emails');
await platform.close();
process.stdout.write(`${people.length} people, ${notifications} notifications, ${mails} mails\n`);
