import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { disarmFailpoints } from '../../failpoints/index.ts';
import { createTestPipeline, eventually, type TestPipeline } from './test-pipeline.ts';

let pipeline: TestPipeline;

before(async () => {
  pipeline = await createTestPipeline();
});
after(() => pipeline.close());
afterEach(() => disarmFailpoints());

test('every event of a few thousand is applied once, in order per key', async () => {
  const count = 5_000;
  const items = Array.from({ length: count }, (_, index) => ({ userId: BigInt(1 + (index % 97)), change: index }));
  const running = pipeline.start();
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
  assert.deepEqual(await running.consumer.backlog(), { behind: 0n, due: 0 });
  await running.close();
});
