// The pipeline under faults: a bus that misbehaves, RPCs that fail and come late, a clock that jumps, backends that are
// killed. Nothing is lost, nothing is done twice, the order per person holds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScoreService } from '@tradepost/contracts/score';
import { withConnection } from '@tradepost/platform/db';
import { Refusal } from '@tradepost/platform/errors';
import { createLogger } from '@tradepost/platform/telemetry';
import { createFaultyBus, type TestPlatform } from '@tradepost/platform/testing';
import { assertWhole, registerPeople, sendRounds, startSpine } from './spine.ts';

// What is provoked here is an error in the log.
const log = createLogger({ level: 'fatal', format: 'json' });
const ROUNDS = 14;

for (const seed of [1, 2]) {
  test(`duplicates, disorder across keys, failed reads and lost acknowledgements change nothing (seed ${seed})`, async (t) => {
    const faults = { seed, duplicate: true, reorder: true, failureRate: 0.1, lostAcknowledgementRate: 0.2 };
    const platform = await startSpine({ log, wrapBus: (bus) => createFaultyBus(bus, faults) });
    t.after(() => platform.close());
    await sendRounds(platform, await registerPeople(platform, 12), ROUNDS);
    await platform.settle(30_000);
    await assertWhole(platform);
    assert.equal((await duplicates(platform)) > 0n, true);
  });
}

async function duplicates(platform: TestPlatform): Promise<bigint> {
  const consumers = [...platform.core.work.values()].flatMap(({ consumers }) => consumers);
  return consumers
    .flatMap((consumer) => consumer.status().runners)
    .reduce((sum, runner) => sum + runner.duplicates, 0n);
}

test('the clock steps forwards and backwards under way, and nothing stops, is lost or doubled', async (t) => {
  const platform = await startSpine({ log });
  t.after(() => platform.close());
  const people = await registerPeople(platform, 6);
  const scores = platform.client(ScoreService);
  const steps = [3_600_000, -7_200_000, 86_400_000 * 30, -86_400_000 * 60, 1_000, -500];
  let change = 0;
  for (const step of steps) {
    platform.clock.advance(step);
    change += 4;
    await Promise.all(people.map((userId) => scores.sendScoreEvent({ userId, newScore: 700, change })));
    // Some steps come while the events are still on their way.
    await sleep(change % 3 === 0 ? 20 : 0);
  }
  await until(async () => {
    await platform.settle(20_000);
    return (await unsent(platform)) === 0n;
  });
  await assertWhole(platform);
  const [{ n } = { n: 0n }] = await platform
    .database('notification')
    .query<{ n: bigint }>('select count(*) as n from notifications');
  assert.equal(n, BigInt(people.length * steps.length));
});

const unsent = async (platform: TestPlatform): Promise<bigint> => {
  const rows = await platform
    .database('notification')
    .query<{ n: bigint }>(`select count(*) as n from notifications where status = 'queued'`);
  return rows[0]?.n ?? 0n;
};

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const late = performance.now() + 10_000;
  while (!(await isSo())) {
    assert.equal(performance.now() < late, true, 'it did not come to pass within ten seconds');
    await sleep(20);
  }
}

test('database backends are killed under load; with repeats under the same keys all is there once', async (t) => {
  const platform = await startSpine({ log });
  t.after(() => platform.close());
  const people = await registerPeople(platform, 8);
  let isOver = false;
  let killed = 0;
  const killer = (async () => {
    while (!isOver) {
      killed += await killSome(platform.adminUrl);
      await sleep(60);
    }
  })();
  const answers = await Promise.all(people.map((userId) => sendPersistently(platform, userId, 40)));
  isOver = true;
  await killer;
  await platform.settle(30_000);
  await assertWhole(platform);
  assert.equal(killed > 20, true, `${killed} were killed`);
  for (const [place, userId] of people.entries()) {
    const rows = await platform
      .database('score')
      .query<{ event_id: bigint }>('select event_id from score_events where user_id = $1 order by event_id', [userId]);
    assert.deepEqual(
      rows.map((row) => row.event_id),
      answers[place],
    );
  }
});

/** A random third of what this test's databases are served by. */
async function killSome(adminUrl: string): Promise<number> {
  const rows = await withConnection(adminUrl, (connection) =>
    connection.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname like 'test\\_%\\_' || $1 || '\\_%' and pid <> pg_backend_pid() and random() < 0.33`,
      [String(process.pid)],
    ),
  );
  return rows.length;
}

/** One event after the other, each repeated under its key until it is answered. @returns the events' ids. */
async function sendPersistently(platform: TestPlatform, userId: bigint, count: number): Promise<bigint[]> {
  const scores = platform.client(ScoreService);
  const ids: bigint[] = [];
  for (let n = 1; n <= count; n += 1) {
    const meta = { idempotencyKey: `killed-${userId}-${n}` };
    for (let tries = 1; ; tries += 1) {
      try {
        const { eventId } = await scores.sendScoreEvent({ userId, newScore: n, change: n % 15 }, { meta });
        ids.push(eventId);
        break;
      } catch (error) {
        assert.ok(error instanceof Refusal, String(error));
        assert.match(error.status, /^(UNAVAILABLE|ABORTED|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED)$/, error.message);
        assert.equal(tries < 200, true, error.message);
        await sleep(10);
      }
    }
  }
  return ids;
}
