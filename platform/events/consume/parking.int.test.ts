import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Clock } from '../../time/index.ts';
import { dropParked, editParked, getParked, listParked, type ParkedMessage, replayParked } from './dead-letters.ts';
import { createTestPipeline, eventually, type StartOptions, scoreEvent, type TestPipeline } from './test-pipeline.ts';

let pipeline: TestPipeline;

beforeEach(async () => {
  pipeline = await createTestPipeline();
});
afterEach(() => pipeline.close());

/** Domain time that a test moves; what waits for it is looked at by polling. */
function createMovableClock(): Clock & { advance(ms: number): void } {
  let offsetMs = 0;
  return {
    now: () => new Date(Date.now() + offsetMs),
    monotonicMs: () => performance.now(),
    sleep: () => new Promise(() => {}),
    advance: (ms) => {
      offsetMs += ms;
    },
  };
}

const POISON = 666;
const HOUR_MS = 3_600_000;

function refuse(change: number, isPoison: () => boolean): StartOptions['before'] {
  return (message) => {
    if (message.value.change === change && isPoison()) throw new Error(`cannot apply ${message.value.change}`);
  };
}

async function parked(): Promise<ParkedMessage[]> {
  return await listParked(pipeline.consumer.database, {}, { limit: 200 });
}

async function changesOf(key: string): Promise<number[]> {
  return (await pipeline.applied()).filter((row) => row.key === key).map((row) => row.change);
}

const publishForUser = async (userId: bigint, changes: readonly number[]) => {
  await pipeline.publish(changes.map((change) => ({ userId, change })));
};

test('a poison message parks its key while thousands of other users pass, and replayed later keeps the order', async () => {
  let poison = true;
  const clock = createMovableClock();
  const before = refuse(POISON, () => poison);
  const { consumer } = pipeline.start({ clock, before, reaction: { maxAttempts: 2 } });
  const { database } = pipeline.consumer;
  await publishForUser(7n, [1, POISON, 2]);
  for (let round = 0; round < 6; round += 1) {
    await pipeline.publish(
      Array.from({ length: 500 }, (_, index) => ({ userId: BigInt(1_000 + index), change: round })),
    );
  }
  await publishForUser(7n, [3]);
  await eventually(
    async () => (await pipeline.applied()).length >= 3_001,
    () => consumer.status(),
  );
  await eventually(async () => (await parked()).length === 3, 'the poison and two behind it are parked');
  assert.deepEqual(await changesOf('7'), [1]);
  assert.deepEqual(
    (await parked()).map(({ state }) => state),
    ['held', 'held', 'waiting'],
  );

  clock.advance(HOUR_MS);
  consumer.poke();
  await eventually(
    async () => (await parked()).some(({ state }) => state === 'dead'),
    'the second attempt was the last',
  );
  const dead = (await listParked(database, { state: 'dead' }, { limit: 10 }))[0] as ParkedMessage;
  assert.equal(dead.attempts, 2);
  assert.equal(dead.error, 'Error: cannot apply 666');
  assert.match(dead.stack, /parking\.int\.test\.ts/);
  assert.equal(dead.heldBehind, 2);
  assert.equal(dead.key, '7');

  poison = false;
  const request = { filter: { fingerprint: dead.fingerprint }, now: clock.now() };
  assert.deepEqual(await replayParked(database, { ...request, dryRun: true }), { matched: 1, replayed: 0 });
  assert.deepEqual(await replayParked(database, request), { matched: 1, replayed: 1 });
  consumer.poke();
  await eventually(
    async () => (await changesOf('7')).length === 4,
    () => consumer.status(),
  );
  assert.deepEqual(await changesOf('7'), [1, POISON, 2, 3]);
  assert.deepEqual(
    (await parked()).map(({ state }) => state),
    ['resolved', 'resolved', 'resolved'],
  );
  await publishForUser(7n, [4]);
  await eventually(
    async () => (await changesOf('7')).length === 5,
    () => consumer.status(),
  );
  const ids = (await pipeline.applied()).map((row) => row.message_id);
  assert.equal(new Set(ids).size, ids.length);
});

test('a message that fails once is tried again when its time has come, without anybody’s help', async () => {
  let poison = true;
  const clock = createMovableClock();
  const { consumer } = pipeline.start({ clock, before: refuse(POISON, () => poison) });
  await publishForUser(7n, [POISON, 1]);
  await eventually(
    async () => (await parked()).length === 2,
    () => consumer.status(),
  );
  assert.deepEqual(await consumer.backlog(), { behind: 0n, behindOf: new Map([['score', 0n]]), due: 0 });
  poison = false;
  clock.advance(HOUR_MS);
  assert.equal((await consumer.backlog()).due, 1);
  await eventually(
    async () => (await changesOf('7')).length === 2,
    () => consumer.status(),
  );
  assert.deepEqual(await changesOf('7'), [POISON, 1]);
});

test('an edited message is applied with its own id, and the original is kept', async () => {
  const { consumer } = pipeline.start({ before: refuse(POISON, () => true), reaction: { maxAttempts: 1 } });
  const { database } = pipeline.consumer;
  await publishForUser(7n, [POISON, 1]);
  await eventually(
    async () => (await parked()).length === 2,
    () => consumer.status(),
  );
  const dead = (await listParked(database, { state: 'dead' }, { limit: 1 }))[0] as ParkedMessage;
  const edit = (value: string) =>
    editParked(database, [scoreEvent], dead.id, { value: Buffer.from(value), note: 'typo' });
  await assert.rejects(edit('{"user_id":7,"new_score":-1,"change":5}'), { code: 'parked_value_invalid' });
  await assert.rejects(edit('{"user_id":8,"new_score":1,"change":5}'), { code: 'parked_value_invalid' });
  await assert.rejects(edit('nonsense'), { code: 'parked_value_invalid' });
  const edited = await edit('{"user_id":7,"new_score":1,"change":5}');
  assert.equal(Buffer.from(edited.originalValue ?? []).toString(), '{"user_id":7,"new_score":700,"change":666}');
  await replayParked(database, { ids: [dead.id], now: new Date() });
  consumer.poke();
  await eventually(
    async () => (await changesOf('7')).length === 2,
    () => consumer.status(),
  );
  assert.deepEqual(await changesOf('7'), [5, 1]);
  assert.equal((await pipeline.applied())[0]?.message_id, dead.messageId);
  await assert.rejects(edit('{"user_id":7,"new_score":1,"change":5}'), { code: 'parked_message_in_another_state' });
});

test('a dropped message lets its key flow on', async () => {
  const { consumer } = pipeline.start({ before: refuse(POISON, () => true), reaction: { maxAttempts: 1 } });
  const { database } = pipeline.consumer;
  await publishForUser(7n, [1, POISON, 2, 3]);
  await eventually(
    async () => (await parked()).length === 3,
    () => consumer.status(),
  );
  const dead = (await listParked(database, { state: 'dead' }, { limit: 1 }))[0] as ParkedMessage;
  const dropped = await dropParked(database, dead.id, { note: 'a test of the feed', now: new Date() });
  assert.equal(dropped.state, 'dropped');
  consumer.poke();
  await eventually(
    async () => (await changesOf('7')).length === 3,
    () => consumer.status(),
  );
  assert.deepEqual(await changesOf('7'), [1, 2, 3]);
  assert.equal((await getParked(database, dead.id)).note, 'a test of the feed');
  await assert.rejects(getParked(database, 999_999n), { code: 'parked_message_not_found' });
});

test('a consumer that releases keys lets later messages of a key pass', async () => {
  const reaction = { maxAttempts: 1, onFailure: 'release' } as const;
  const { consumer } = pipeline.start({ before: refuse(POISON, () => true), reaction });
  await publishForUser(7n, [1, POISON, 2]);
  await eventually(
    async () => (await changesOf('7')).length === 2,
    () => consumer.status(),
  );
  assert.deepEqual(await changesOf('7'), [1, 2]);
  assert.deepEqual(
    (await parked()).map(({ state }) => state),
    ['dead'],
  );
});

test('two poison messages of a key: the second fails in its turn, and nothing overtakes it', async () => {
  let poison = true;
  const { consumer } = pipeline.start({
    reaction: { maxAttempts: 1 },
    before: (message) => {
      if (message.value.change === 1 && poison) throw new Error('first');
      if (message.value.change === 3) throw new Error('second');
    },
  });
  const { database } = pipeline.consumer;
  await publishForUser(7n, [1, 2, 3, 4]);
  await eventually(
    async () => (await parked()).length === 4,
    () => consumer.status(),
  );
  poison = false;
  await replayParked(database, { now: new Date() });
  consumer.poke();
  await eventually(
    async () => (await parked()).some((row) => row.state === 'dead' && row.error === 'Error: second'),
    () => consumer.status(),
  );
  assert.deepEqual(await changesOf('7'), [1, 2]);
  assert.deepEqual((await parked()).map(({ state }) => state).reverse(), ['resolved', 'resolved', 'dead', 'held']);
});

test('an outage of what is loaded pauses the consumer, parks nothing, and ends by itself', async () => {
  let away = true;
  let loads = 0;
  const { consumer } = pipeline.start({
    reaction: {
      async load(messages) {
        loads += 1;
        if (away) throw new Error('connect ECONNREFUSED');
        return messages.length;
      },
    },
  });
  await publishForUser(1n, [1, 2, 3]);
  await eventually(
    () => consumer.status().runners[0]?.state === 'paused',
    () => consumer.status(),
  );
  await pipeline.publish(Array.from({ length: 300 }, (_, index) => ({ userId: BigInt(index + 2), change: 1 })));
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.ok(loads < 8, `${loads} loads in an outage`);
  away = false;
  await eventually(
    async () => (await pipeline.applied()).length === 303,
    () => consumer.status(),
  );
  assert.deepEqual(await parked(), []);
  assert.equal(consumer.status().runners[0]?.state, 'running');
});

test('five keys that fail alike are an outage; those parked before it was known are applied after it', async () => {
  let away = true;
  const clock = createMovableClock();
  const { consumer } = pipeline.start({
    clock,
    before: (message) => {
      if (away) throw new Error(`relation "people" of ${message.key} does not exist`);
    },
  });
  await pipeline.publish(Array.from({ length: 300 }, (_, index) => ({ userId: BigInt(index + 1), change: 1 })));
  await eventually(
    () => consumer.status().runners[0]?.state === 'paused',
    () => consumer.status(),
  );
  assert.equal((await parked()).length, 4);
  away = false;
  await eventually(
    async () => (await pipeline.applied()).length === 296,
    () => consumer.status(),
  );
  clock.advance(HOUR_MS);
  await eventually(
    async () => (await pipeline.applied()).length === 300,
    () => consumer.status(),
  );
});

test('five poison keys in a row are not taken for an outage when another key would pass', async () => {
  const { consumer } = pipeline.start({
    before: (message) => {
      if (Number(message.key) <= 6) throw new Error('poison');
    },
    reaction: { maxAttempts: 1 },
  });
  await pipeline.publish(Array.from({ length: 106 }, (_, index) => ({ userId: BigInt(index + 1), change: 1 })));
  await eventually(
    async () => (await pipeline.applied()).length === 100,
    () => consumer.status(),
  );
  await eventually(
    async () => (await parked()).length === 6,
    () => consumer.status(),
  );
});

test('an outage of parked messages ends with the first key that passes, whichever it is', async () => {
  let poison = 5;
  const clock = createMovableClock();
  const { consumer } = pipeline.start({
    clock,
    reaction: { maxBatch: 1 },
    before: (message) => {
      if (Number(message.key) <= poison) throw new Error('poison');
    },
  });
  // A key that passes between two that fail: they are parked, one after another.
  for (let key = 1n; key <= 5n; key += 1n) {
    await publishForUser(key, [1]);
    await publishForUser(100n + key, [1]);
    await eventually(
      async () => (await changesOf(String(100n + key))).length === 1 && (await parked()).length === Number(key),
      () => consumer.status(),
    );
  }
  clock.advance(HOUR_MS);
  consumer.poke();
  await eventually(
    () => consumer.status().runners[0]?.state === 'paused',
    () => consumer.status(),
  );
  poison = 1;
  clock.advance(HOUR_MS);
  await eventually(
    async () => (await pipeline.applied()).length === 9,
    () => consumer.status(),
  );
  assert.deepEqual(await changesOf('1'), []);
  assert.equal((await parked()).find(({ key }) => key === '1')?.state, 'waiting');
});

test('one key alone cannot be an outage for ever: after a few probes its message is parked', async () => {
  const { consumer } = pipeline.start({
    before: (message) => {
      if (Number(message.key) <= 5) throw new Error('poison');
    },
    reaction: { maxAttempts: 1 },
  });
  for (let key = 1n; key <= 5n; key += 1n) await publishForUser(key, [1, 2]);
  await eventually(
    async () => (await parked()).filter(({ state }) => state === 'dead').length === 5,
    () => consumer.status(),
  );
  await eventually(
    () => consumer.status().runners[0]?.state === 'running',
    () => consumer.status(),
  );
});

test('a message that is dropped while it is tried again is either applied or dropped, never both', async () => {
  let poison = true;
  let dropping: Promise<unknown> | undefined;
  const clock = createMovableClock();
  const { database } = pipeline.consumer;
  const { consumer } = pipeline.start({
    clock,
    before: async (message) => {
      if (message.value.change !== POISON) return;
      if (poison) throw new Error('poison');
      const [row] = await listParked(database, { state: 'waiting' }, { limit: 1 });
      dropping ??= dropParked(database, row?.id ?? 0n, { note: '', now: clock.now() }).catch((error: unknown) => error);
      await new Promise((resolve) => setTimeout(resolve, 300));
    },
  });
  await publishForUser(7n, [POISON, 1]);
  await eventually(async () => (await parked()).length === 2, 'both are parked');
  poison = false;
  clock.advance(HOUR_MS);
  await eventually(
    async () => (await changesOf('7')).length === 2,
    () => consumer.status(),
  );
  assert.deepEqual(
    (await parked()).map(({ state }) => state),
    ['resolved', 'resolved'],
  );
  assert.equal(((await dropping) as { code?: string }).code, 'parked_message_in_another_state');
});

test('a message that is dropped just before its attempt is not applied', async () => {
  let poison = true;
  const clock = createMovableClock();
  const { database } = pipeline.consumer;
  const { consumer } = pipeline.start({
    clock,
    reaction: {
      // Between the reading of what is due and the transaction that applies it.
      load: async (messages) => {
        if (poison || !messages.some(({ attempt }) => attempt > 1)) return;
        const [row] = await listParked(database, { state: 'waiting' }, { limit: 1 });
        if (row !== undefined) await dropParked(database, row.id, { note: '', now: clock.now() });
      },
    },
    before: refuse(POISON, () => poison),
  });
  await publishForUser(7n, [POISON]);
  await eventually(async () => (await parked()).length === 1, 'it is parked');
  poison = false;
  clock.advance(HOUR_MS);
  await eventually(async () => (await parked())[0]?.state === 'dropped', 'it is dropped');
  await publishForUser(7n, [1]);
  await eventually(
    async () => (await changesOf('7')).length > 0,
    () => consumer.status(),
  );
  assert.deepEqual(await changesOf('7'), [1]);
});

test('above its limit of held messages a consumer pauses, and goes on once they are released', async () => {
  let poison = true;
  const options = { heldLimit: 50 };
  const { consumer } = pipeline.start({
    before: refuse(POISON, () => poison),
    reaction: { maxAttempts: 1, maxBatch: 20 },
    options,
  });
  await publishForUser(7n, [POISON, ...Array.from({ length: 200 }, (_, index) => index)]);
  await eventually(
    () => consumer.status().runners[0]?.state === 'paused',
    () => consumer.status(),
  );
  assert.match(consumer.status().runners[0]?.reason ?? '', /held behind/);
  const held = (await parked()).length;
  assert.ok(held <= 71, `${held} are parked`);
  poison = false;
  await replayParked(pipeline.consumer.database, { now: new Date() });
  consumer.poke();
  await eventually(
    async () => (await changesOf('7')).length === 201,
    () => consumer.status(),
  );
  assert.deepEqual(await changesOf('7'), [POISON, ...Array.from({ length: 200 }, (_, index) => index)]);
});

test('a value that fits no schema is dead at once and blocks only its key', async () => {
  await pipeline.publish([{ userId: 7n, change: 1 }]);
  await pipeline.producer.database.query(
    `insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
     select topic, part, key, gen_random_uuid(), type, occurred_at, request_id, correlation_id, $1 from tradepost.outbox`,
    [Buffer.from('{"user_id":')],
  );
  await pipeline.publish([
    { userId: 7n, change: 2 },
    { userId: 8n, change: 3 },
  ]);
  const { consumer } = pipeline.start();
  await eventually(
    async () => (await parked()).length === 2,
    () => consumer.status(),
  );
  assert.deepEqual(
    (await parked()).map(({ state }) => state),
    ['held', 'dead'],
  );
  assert.deepEqual(await changesOf('7'), [1]);
  assert.deepEqual(await changesOf('8'), [3]);
});
