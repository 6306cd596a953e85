import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { events } from '@tradepost/contracts/events';
import { type Database, openDatabase, withConnection } from '../../db/index.ts';
import { armFailpoint, disarmFailpoints } from '../../failpoints/index.ts';
import { createTestDatabase, examineLog, isSound, silentLog, type TestDatabase } from '../../testing/index.ts';
import { systemClock } from '../../time/index.ts';
import { createTransactions, partOfKey } from '../index.ts';
import { createWakeups, openLogReader, type Sequencer, type SequencerOptions, startSequencer } from './index.ts';

const cause = { requestId: 'request-1', correlationId: 'correlation-1' };
const part = partOfKey('42', 8);
let testDatabase: TestDatabase;
let closing: (() => Promise<void>)[];

beforeEach(async () => {
  testDatabase = await createTestDatabase({ service: 'score' });
  closing = [];
});
afterEach(async () => {
  disarmFailpoints();
  for (const close of closing.reverse()) await close();
  await testDatabase.close();
});

function start(database: Database, options: Partial<SequencerOptions> = {}): Sequencer {
  const sequencer = startSequencer({ database, clock: systemClock, log: silentLog, ...options });
  closing.push(() => sequencer.close());
  return sequencer;
}

async function openPool(): Promise<Database> {
  const pool = await openDatabase({ service: 'score', url: testDatabase.url, log: silentLog, maxConnections: 3 });
  closing.push(() => pool.close());
  return pool;
}

async function publish(onCommitted: () => void, changes: readonly number[]): Promise<void> {
  const { database } = testDatabase;
  const transactions = createTransactions({
    database,
    config: {},
    clock: systemClock,
    log: silentLog,
    service: 'score',
    onCommitted,
  });
  await transactions.run(async (tx) => {
    for (const change of changes) {
      tx.publish(events.ScoreEventAccepted, { userId: 42n, newScore: 700, change }, cause);
    }
  });
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!(await what())) {
    if (performance.now() > endMs) throw new Error('it did not happen within ten seconds');
    await sleep(5);
  }
}

const readAll = (after = 0n) =>
  openLogReader({ database: testDatabase.database }).read([{ topic: 'score_events', part, after }], 100);

test('a published event is in the log soon after its commit, with its envelope and exact value', async () => {
  const { database } = testDatabase;
  const sequencer = start(database);
  const reader = openLogReader({ database, advances: sequencer });
  const advanced = new Promise<void>((resolve) => reader.onAdvance(resolve));
  await publish(sequencer.poke, [15, 1]);
  await advanced;
  const heads = await reader.heads(['score_events', 'unknown']);
  assert.deepEqual(heads, [{ topic: 'score_events', part, head: 2n, firstRetained: 1n }]);
  const records = await reader.read([{ topic: 'score_events', part, after: 0n }], 10);
  assert.deepEqual(
    records.map((record) => Buffer.from(record.value).toString()),
    ['{"user_id":42,"new_score":700,"change":15}', '{"user_id":42,"new_score":700,"change":1}'],
  );
  const [first] = records;
  assert.deepEqual(
    { ...first, id: '', occurredAt: '', value: '', incarnation: '' },
    {
      id: '',
      occurredAt: '',
      value: '',
      incarnation: '',
      producer: 'score',
      type: 'tradepost.score.v1.ScoreEventAccepted',
      topic: 'score_events',
      part,
      sequence: 1n,
      key: '42',
      requestId: 'request-1',
      correlationId: 'correlation-1',
    },
  );
  assert.equal(first?.incarnation, await reader.incarnation());
});

test('polling finds what nobody poked for', async () => {
  start(testDatabase.database);
  await publish(() => {}, [1]);
  await until(async () => (await readAll()).length === 1);
});

test('an orderly end leaves nothing waiting, and a successor leads at once', async () => {
  const first = start(testDatabase.database);
  await until(() => first.status().state === 'leading');
  await publish(() => {}, [1]);
  await first.close();
  assert.equal((await readAll()).length, 1);
  const startedMs = performance.now();
  const second = start(await openPool());
  await until(() => second.status().state === 'leading');
  assert.ok(performance.now() - startedMs < 1000);
  assert.equal(second.status().epoch, 2n);
});

test('of several sequencers one leads, and another takes over when its lease is taken away', async () => {
  const sequencers = [start(await openPool()), start(await openPool()), start(await openPool())];
  const leaders = () => sequencers.filter((sequencer) => sequencer.status().state === 'leading');
  await until(() => leaders().length === 1);
  const [former] = leaders();
  await testDatabase.database.query('update tradepost.leases set epoch = epoch + 1, backend_pid = 0');
  await until(() => leaders().some((leader) => leader !== former) || (former?.status().epoch ?? 0n) > 1n);
  for (let change = 1; change <= 20; change += 1) await publish(() => {}, [change]);
  await until(async () => (await readAll()).length === 20);
  assert.equal(isSound(await examineLog(testDatabase.database)), true);
});

test('sessions that are killed, and a pass that fails, cost nothing but a moment', async () => {
  const pool = await openPool();
  const sequencer = start(pool);
  await until(() => sequencer.status().state === 'leading');
  for (let change = 1; change <= 10; change += 1) {
    if (change === 5) armFailpoint('sequencer.after-pass', 'throw', 1);
    if (change === 7) armFailpoint('sequencer.before-pass', 'throw', 1);
    await withConnection(testDatabase.adminUrl, (admin) =>
      admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = (select current_database()) or datname = $1 and application_name = 'tradepost-score'`,
        [new URL(testDatabase.url).pathname.slice(1)],
      ),
    ).catch(() => {});
    await until(() =>
      publish(sequencer.poke, [change]).then(
        () => true,
        () => false,
      ),
    );
  }
  await until(async () => (await readAll().catch(() => [])).length === 10);
  const changes = (await readAll()).map(({ value }) => JSON.parse(Buffer.from(value).toString()).change);
  assert.deepEqual(changes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('another process wakes the leader, and hears of its advance, without a poll', async () => {
  const connect = () => {
    const wakeups = createWakeups({ url: testDatabase.url, service: 'score', log: silentLog });
    closing.push(() => wakeups.close());
    return wakeups;
  };
  const leader = start(await openPool(), { wakeups: connect() });
  await until(() => leader.status().state === 'leading');
  const standby = start(await openPool(), { wakeups: connect() });
  // Long enough for the leader's polls to have slowed down to one a second.
  await sleep(1500);
  const latencies: number[] = [];
  for (let change = 1; change <= 5; change += 1) {
    const advanced = new Promise<void>((resolve) => standby.onAdvance(resolve));
    const startedMs = performance.now();
    await publish(standby.poke, [change]);
    await advanced;
    latencies.push(performance.now() - startedMs);
    await sleep(200);
  }
  assert.equal(standby.status().state, 'standby');
  assert.ok((latencies.toSorted((a, b) => a - b)[2] as number) < 150, `took ${latencies}`);
});

test('at rest a sequencer asks the database about twice a second', async () => {
  const pool = await openPool();
  const sequencer = start(pool);
  await sleep(2500);
  const before = sequencer.status().passes;
  await sleep(2000);
  assert.ok(sequencer.status().passes - before <= 4, `${sequencer.status().passes - before} passes in two seconds`);
});
