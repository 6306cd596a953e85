import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase, withConnection } from '../../db/index.ts';
import { createTestDatabase, silentLog, type TestDatabase } from '../../testing/index.ts';
import { type Clock, systemClock } from '../../time/index.ts';
import { endFenceHolder, raiseFence } from './fence.ts';
import { createLease } from './lease.ts';
import { runPass } from './pass.ts';

let testDatabase: TestDatabase;
let ownerPool: Database;

before(async () => {
  testDatabase = await createTestDatabase();
  ownerPool = await openDatabase({ service: 'owner', url: testDatabase.url, log: silentLog, maxConnections: 1 });
});
after(async () => {
  await ownerPool.close();
  await testDatabase.close();
});

function movableMonotonic(): Clock & { advance(ms: number): void } {
  let nowMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}

test('a lease stays with an owner that beats, and goes to a rival once it stood still for three seconds', async () => {
  const clock = movableMonotonic();
  const owner = createLease({ database: ownerPool, clock, name: 'still' });
  const rival = createLease({ database: testDatabase.database, clock, name: 'still' });
  assert.equal(await owner.hold(), true);
  assert.equal(owner.epoch, 1n);
  for (let beat = 0; beat < 5; beat += 1) {
    clock.advance(2000);
    assert.equal(await rival.hold(), false);
    assert.equal(await owner.hold(), true);
  }
  assert.equal(await rival.hold(), false);
  clock.advance(2999);
  assert.equal(await rival.hold(), false);
  clock.advance(1);
  assert.equal(await rival.hold(), true);
  assert.equal(rival.epoch, 2n);
  assert.equal(await owner.hold(), false);
  assert.equal(owner.epoch, undefined);
});

test('a lease goes to a rival at once when its owner has ended, or has given it up', async () => {
  const clock = movableMonotonic();
  const rival = createLease({ database: testDatabase.database, clock, name: 'gone' });
  const pool = await openDatabase({ service: 'owner', url: testDatabase.url, log: silentLog, maxConnections: 1 });
  const owner = createLease({ database: pool, clock, name: 'gone' });
  await owner.hold();
  assert.equal(await rival.hold(), false);
  await pool.close();
  // The server notices the end of a session a moment after the client.
  let taken = false;
  for (let look = 0; look < 100 && !taken; look += 1) taken = await rival.hold();
  assert.equal(taken, true);
  await rival.release();
  const next = createLease({ database: ownerPool, clock, name: 'gone' });
  assert.equal(await next.hold(), true);
  assert.equal(next.epoch, 3n);
});

test('of many rivals for a free lease one gets it', async () => {
  const rivals = Array.from({ length: 6 }, () =>
    createLease({ database: testDatabase.database, clock: systemClock, name: 'race' }),
  );
  const held = await Promise.all(rivals.map((rival) => rival.hold()));
  assert.equal(held.filter(Boolean).length, 1);
});

test('a pass under an old epoch is fenced, and a session that keeps the fence locked is ended', async () => {
  const { database, url } = testDatabase;
  await database.transaction((tx) => raiseFence(tx, 5n));
  assert.equal((await runPass(database, 4n, 10)).outcome, 'fenced');
  assert.equal((await runPass(database, 5n, 10)).outcome, 'idle');
  await database.query('update tradepost.fence set epoch = 0');
  await withConnection(url, async (stuck) => {
    await stuck.query('begin');
    await stuck.query('select from tradepost.fence for update');
    await stuck.query('select pg_current_xact_id()');
    const lease = createLease({ database, clock: systemClock, name: 'fenced', onTake: raiseFence });
    await assert.rejects(lease.hold(), { code: '55P03' });
    assert.equal(lease.epoch, undefined);
    assert.equal(await endFenceHolder(database), 1);
    assert.equal(await lease.hold(), true);
    await assert.rejects(stuck.query('select 1'));
  });
});

test('a lease is not taken by a process that stops in the middle of taking it', async () => {
  const { database } = testDatabase;
  const stopped = createLease({
    database: ownerPool,
    clock: systemClock,
    name: 'stopped',
    onTake: () => sleep(2500),
  });
  const taking = stopped.hold();
  await sleep(50);
  const rival = createLease({ database, clock: systemClock, name: 'stopped' });
  await assert.rejects(rival.hold(), { code: '55P03' });
  await assert.rejects(taking);
  assert.equal(await rival.hold(), true);
  assert.equal(rival.epoch, 1n);
});
