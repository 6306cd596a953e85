// What every bus must do, whatever carries the events: run with a factory, on the embedded one and on each broker's.
// The factory may stand on any log; consumers, cursors and parking are the real ones.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { armFailpoint, disarmFailpoints } from '../failpoints/index.ts';
import type { Bus } from './bus.ts';
import {
  createTestPipeline,
  eventually,
  type StartOptions,
  scoreEvent,
  type TestPipeline,
} from './consume/test-pipeline.ts';
import { createFaultyBus } from './faulty-bus.ts';
import { openLogReader } from './log/index.ts';

/** Makes the bus under test over a pipeline's producer. */
export type BusFactory = (pipeline: TestPipeline) => Promise<{ bus: Bus; close(): Promise<void> }>;

const USERS = 40;

function itemsOf(count: number, from = 0): { userId: bigint; change: number }[] {
  return Array.from({ length: count }, (_, index) => ({ userId: BigInt(1 + (index % USERS)), change: from + index }));
}

export function busSuite(name: string, factory: BusFactory): void {
  let pipeline: TestPipeline;
  let bus: Bus;
  let closeBus: () => Promise<void>;

  /** Applied once each, and in the order of publishing per key. */
  const assertExactlyOnceInOrder = async (count: number): Promise<void> => {
    const rows = await pipeline.applied();
    assert.equal(rows.length, count);
    assert.equal(new Set(rows.map((row) => row.message_id)).size, count);
    for (let user = 1; user <= USERS; user += 1) {
      const changes = rows.filter((row) => row.key === String(user)).map((row) => row.change);
      assert.deepEqual(
        changes,
        [...changes].sort((a, b) => a - b),
      );
    }
  };
  const publishAll = async (count: number): Promise<void> => {
    const items = itemsOf(count);
    for (let at = 0; at < count; at += 250) await pipeline.publish(items.slice(at, at + 250));
  };
  const start = (options: StartOptions = {}) => pipeline.start({ bus, ...options });
  const appliedAll = (count: number, running: ReturnType<typeof start>) =>
    eventually(
      async () => (await pipeline.applied()).length >= count,
      () => running.consumer.status(),
      30_000,
    );

  describe(`the ${name} bus`, () => {
    beforeEach(async () => {
      pipeline = await createTestPipeline();
      ({ bus, close: closeBus } = await factory(pipeline));
    });
    afterEach(async () => {
      disarmFailpoints();
      await pipeline.close();
      await closeBus();
    });

    test('delivers every event in order per key, also those published before the consumer existed', async () => {
      await publishAll(500);
      const running = start();
      await appliedAll(500, running);
      await pipeline.publish(itemsOf(100, 10_000));
      await appliedAll(600, running);
      await assertExactlyOnceInOrder(600);
    });

    test('what it delivers twice, in pieces, mixed and unacknowledged is applied once and in order', async () => {
      for (const seed of [1, 2, 3]) {
        await pipeline.consumer.database.query('truncate applied, tradepost.consumer_cursors');
        const faults = { seed, duplicate: true, reorder: true, failureRate: 0.05, lostAcknowledgementRate: 0.1 };
        const running = start({ bus: createFaultyBus(bus, faults), reaction: { maxBatch: 50 } });
        if (seed === 1) await publishAll(1_000);
        await appliedAll(1_000, running);
        await running.close();
        await assertExactlyOnceInOrder(1_000);
        assert.ok((running.consumer.status().runners[0]?.duplicates ?? 0n) > 0n, `no duplicates with seed ${seed}`);
      }
    });

    for (const point of ['consumer.before-cursor', 'consumer.before-commit', 'consumer.after-commit']) {
      test(`a consumer that breaks at ${point} goes on, and applies nothing twice`, async () => {
        armFailpoint(point, 'throw', 2);
        const running = start({ reaction: { maxBatch: 50 } });
        await publishAll(500);
        await appliedAll(500, running);
        await assertExactlyOnceInOrder(500);
      });
    }

    test('a consumer that is stopped and started goes on where it was', async () => {
      const first = start();
      await publishAll(300);
      await appliedAll(300, first);
      await first.close();
      await pipeline.publish(itemsOf(300, 10_000));
      const second = start();
      await appliedAll(600, second);
      await assertExactlyOnceInOrder(600);
    });

    test('a poison message parks its key only', async () => {
      const poisonous = (key: string, change: number) => key === '7' && change === 6;
      const running = start({
        reaction: { maxAttempts: 1 },
        before: ({ key, value }) => {
          if (poisonous(key, value.change)) throw new Error('poison');
        },
      });
      await publishAll(1_000);
      const ofSeven = 1_000 / USERS;
      await appliedAll(1_000 - ofSeven, running);
      await assertExactlyOnceInOrder(1_000 - ofSeven);
      const [runner] = running.consumer.status().runners;
      assert.deepEqual([runner?.dead, runner?.held], [1, ofSeven - 1]);
    });

    test('an outage of the consumer loses and buries nothing', async () => {
      let away = true;
      const running = start({
        reaction: {
          load: async () => {
            if (away) throw new Error('unavailable');
          },
        },
      });
      await publishAll(300);
      await eventually(() => running.consumer.status().runners[0]?.state === 'paused', 'the consumer pauses');
      away = false;
      await appliedAll(300, running);
      await assertExactlyOnceInOrder(300);
    });

    test('a slow consumer takes what was published meanwhile, in its own time', async () => {
      const sleep = () => new Promise<void>((resolve) => setTimeout(resolve, 2));
      const running = start({ before: sleep, reaction: { maxBatch: 20 } });
      await publishAll(400);
      await appliedAll(400, running);
      await assertExactlyOnceInOrder(400);
    });

    test('an event as large as they may be arrives byte for byte', async () => {
      const { database } = pipeline.producer;
      const value = Buffer.from(JSON.stringify({ user_id: 7, new_score: 1, change: 1, note: 'é'.repeat(390_000) }));
      assert.ok(value.length > 760 * 1024 && value.length <= 768 * 1024, `${value.length} bytes`);
      await pipeline.publish([{ userId: 7n, change: 0 }]);
      await database.query(
        `insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
         select topic, part, key, gen_random_uuid(), type, occurred_at, request_id, correlation_id, $1
         from tradepost.outbox`,
        [value],
      );
      const running = start();
      await appliedAll(2, running);
      const reader = openLogReader({ database });
      const [head] = await reader.heads([scoreEvent.topic]);
      assert.equal(head?.head, 2n);
      const subscription = bus.source('score').subscribe([{ topic: head.topic, part: head.part, after: 1n }]);
      await eventually(async () => {
        const [record] = await subscription.read(10);
        return record !== undefined && Buffer.from(record.value).equals(value);
      }, 'the same bytes');
      subscription.close();
    });

    test('of two consumers with one name one applies, the other takes over, and nothing is applied twice', async () => {
      const first = start({ reaction: { maxBatch: 20 } });
      const second = start({ reaction: { maxBatch: 20 } });
      await publishAll(500);
      await appliedAll(500, first);
      const states = [first, second].map((one) => one.consumer.status().runners[0]?.state).sort();
      assert.deepEqual(states, ['running', 'standby']);
      const [owner, rival] = first.ownership.epoch() === undefined ? [second, first] : [first, second];
      await owner.close();
      await pipeline.publish(itemsOf(200, 10_000));
      await appliedAll(700, rival);
      await assertExactlyOnceInOrder(700);
    });

    test('a former owner that still believes writes nothing', async () => {
      let asleep: (() => void) | undefined;
      let fell = false;
      const zombie = start({
        reaction: { maxBatch: 20 },
        before: async ({ value }) => {
          if (value.change !== 30 || fell) return;
          fell = true;
          await new Promise<void>((resolve) => {
            asleep = resolve;
          });
        },
      });
      await publishAll(200);
      await eventually(() => asleep !== undefined, 'it falls asleep inside its transaction');
      await pipeline.consumer.database.query(`update tradepost.leases set epoch = epoch + 1, owner = 'rival'`);
      await pipeline.consumer.database.query(`update tradepost.leases set backend_pid = 0`);
      const successor = start({ reaction: { maxBatch: 20 } });
      await appliedAll(200, successor);
      asleep?.();
      await new Promise((resolve) => setTimeout(resolve, 200));
      await assertExactlyOnceInOrder(200);
      assert.equal(zombie.consumer.status().runners[0]?.state, 'standby');
    });
  });
}
