import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { disarmFailpoints } from '../../failpoints/index.ts';
import { restoreFix } from '../log/restore-fix.ts';
import { listParked } from './dead-letters.ts';
import { createTestPipeline, eventually, type TestPipeline } from './test-pipeline.ts';

let pipeline: TestPipeline;

beforeEach(async () => {
  pipeline = await createTestPipeline();
});
afterEach(async () => {
  disarmFailpoints();
  await pipeline.close();
});

test('every event of a few thousand is applied once, in order per key, and cursors are pruned', async () => {
  const count = 5_000;
  const items = Array.from({ length: count }, (_, index) => ({ userId: BigInt(1 + (index % 97)), change: index }));
  const running = pipeline.start({ reaction: { maxBatch: 20 } });
  for (let from = 0; from < count; from += 500) await pipeline.publish(items.slice(from, from + 500));
  await eventually(
    async () => (await pipeline.applied()).length >= count,
    () => running.consumer.status(),
  );
  const rows = await pipeline.applied();
  assert.equal(rows.length, count);
  assert.equal(new Set(rows.map((row) => row.message_id)).size, count);
  for (let user = 1; user <= 97; user += 1) {
    const changes = rows.filter((row) => row.key === String(user)).map((row) => row.change);
    assert.deepEqual(
      changes,
      items.filter((item) => item.userId === BigInt(user)).map((item) => item.change),
    );
  }
  assert.deepEqual(await running.consumer.backlog(), { behind: 0n, behindOf: new Map([['score', 0n]]), due: 0 });
  const [runner] = running.consumer.status().runners;
  assert.deepEqual([runner?.applied, runner?.duplicates, runner?.state], [5_000n, 0n, 'running']);
  const cursors = await pipeline.consumer.database.query('select n from tradepost.consumer_cursors');
  assert.ok(cursors.length <= 130, `${cursors.length} cursor records are kept`);
});

test('a consumer that retention has passed stops loudly and skips nothing; a new one begins at what is retained', async () => {
  await pipeline.publish(Array.from({ length: 10 }, (_, index) => ({ userId: 7n, change: index })));
  const first = pipeline.start();
  await eventually(
    async () => (await pipeline.applied()).length === 10,
    () => first.consumer.status(),
  );
  await first.close();
  await pipeline.publish(Array.from({ length: 10 }, (_, index) => ({ userId: 7n, change: 10 + index })));
  await eventually(async () => (await pipeline.reader.heads(['score_events']))[0]?.head === 20n, 'all is logged');
  await pipeline.producer.database.query('update tradepost.log_parts set first_retained = 16');
  const second = pipeline.start();
  await eventually(
    () => second.consumer.status().runners[0]?.state === 'stopped',
    () => second.consumer.status(),
  );
  assert.match(second.consumer.status().runners[0]?.reason ?? '', /only from 16 on/);
  assert.equal((await pipeline.applied()).length, 10);
  await second.close();

  const fresh = pipeline.start({ reaction: { name: 'notification.newcomer' } });
  await eventually(
    async () => (await pipeline.applied()).length === 15,
    () => fresh.consumer.status(),
  );
  assert.deepEqual(
    (await pipeline.applied()).slice(10).map(({ change }) => change),
    [15, 16, 17, 18, 19],
  );
});

test('a restored log that hands out sequences again is read on in its new incarnation', async () => {
  const { database } = pipeline.producer;
  await pipeline.publish(Array.from({ length: 10 }, (_, index) => ({ userId: 7n, change: index })));
  const running = pipeline.start();
  await eventually(
    async () => (await pipeline.applied()).length === 10,
    () => running.consumer.status(),
  );
  await running.close();
  // The restore loses the last four.
  await database.query('delete from tradepost.outbox where seq in (select seq from tradepost.log where sequence > 6)');
  await database.query('delete from tradepost.log where sequence > 6');
  await restoreFix(database);
  const again = pipeline.start();
  await pipeline.publish([
    { userId: 7n, change: 100 },
    { userId: 7n, change: 101 },
  ]);
  await eventually(
    async () => (await pipeline.applied()).length === 12,
    () => again.consumer.status(),
  );
  const changes = (await pipeline.applied()).map(({ change }) => change);
  assert.deepEqual(changes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 101]);
});

test('a restore while the consumer runs is noticed as well', async () => {
  const { database } = pipeline.producer;
  await pipeline.publish([{ userId: 7n, change: 1 }]);
  const running = pipeline.start();
  await eventually(
    async () => (await pipeline.applied()).length === 1,
    () => running.consumer.status(),
  );
  await restoreFix(database);
  await pipeline.publish([{ userId: 7n, change: 2 }]);
  await eventually(
    async () => (await pipeline.applied()).length === 2,
    () => running.consumer.status(),
  );
});

test('a killed backend costs a consumer nothing but time', async () => {
  const running = pipeline.start({ reaction: { maxBatch: 10 } });
  const { database } = pipeline.consumer;
  for (let round = 0; round < 5; round += 1) {
    await pipeline.publish(
      Array.from({ length: 100 }, (_, index) => ({ userId: BigInt(index), change: round })).slice(1),
    );
    await database
      .query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> $1',
        [0],
      )
      .catch(() => {});
  }
  await eventually(
    async () => (await pipeline.applied().catch(() => [])).length >= 495,
    () => running.consumer.status(),
  );
  const rows = await pipeline.applied();
  assert.equal(new Set(rows.map((row) => row.message_id)).size, 495);
  assert.equal(rows.length, 495);
  assert.deepEqual(await listParked(database, {}, { limit: 10 }), []);
});

test('a process that was stopped in its transaction does not keep its successor waiting', async () => {
  const { database } = pipeline.consumer;
  await pipeline.publish([{ userId: 7n, change: 1 }]);
  let entered = false;
  let wake: (() => void) | undefined;
  const stopped = pipeline.start({
    async before(_message, tx) {
      await tx.query('lock table applied in access exclusive mode');
      entered = true;
      // As a SIGSTOP would: the lock is held, and no further statement comes.
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    },
  });
  await eventually(() => entered, 'it holds the lock');
  await database.query(`update tradepost.leases set epoch = epoch + 1, backend_pid = 0 where name = 'consumers'`);
  const begun = performance.now();
  const successor = pipeline.start();
  await eventually(
    () => successor.consumer.status().runners[0]?.applied === 1n,
    () => successor.consumer.status(),
  );
  assert.ok(performance.now() - begun < 6_000, 'it waited longer than the idle time');
  wake?.();
  await stopped.close();
  assert.equal((await pipeline.applied()).length, 1);
});

/** @returns the signal that ended it, or its exit code. */
async function runDyingConsumer(): Promise<string | number | null> {
  const script = fileURLToPath(new URL('./dying-consumer.ts', import.meta.url));
  const child = spawn(process.execPath, [script, pipeline.producer.url, pipeline.consumer.url], { stdio: 'inherit' });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return signal ?? code;
}

test('a message on which the process dies again and again is isolated, and the rest flows on', async () => {
  await pipeline.publish(Array.from({ length: 9 }, (_, index) => ({ userId: BigInt(1 + index), change: index })));
  await eventually(async () => {
    const heads = await pipeline.reader.heads(['score_events']);
    return heads.reduce((sum, { head }) => sum + head, 0n) === 9n;
  }, 'all is logged');
  const ends: (string | number | null)[] = [];
  while (ends.length < 8 && ends.at(-1) !== 0) ends.push(await runDyingConsumer());
  assert.deepEqual(ends, ['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGKILL', 0]);
  const changes = (await pipeline.applied()).map(({ change }) => change).sort();
  assert.deepEqual(changes, [0, 1, 2, 3, 5, 6, 7, 8]);
  const [dead] = await listParked(pipeline.consumer.database, { state: 'dead' }, { limit: 10 });
  assert.equal(dead?.error, 'ProcessDeathError: The process died 2 times while it applied this message.');
  assert.equal(dead?.key, '5');
});

test('a consumer tells the producer how far it has come, so that its events are kept', async () => {
  await pipeline.publish([{ userId: 7n, change: 1 }]);
  pipeline.start();
  await eventually(async () => {
    const [known] = await pipeline.producer.database.query<{ parts: bigint }>(
      `select count(*) as parts from tradepost.log_readers where consumer = 'notification.score-events'`,
    );
    return known?.parts === 8n;
  }, 'every partition is reported');
});
