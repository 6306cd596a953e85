import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { createLease, createOwnership, createTransactions } from '../events/index.ts';
import { armFailpoint, disarmFailpoints } from '../failpoints/index.ts';
import type { Context, Effect, Performed, PerformInfo } from '../service/index.ts';
import { effect } from '../service/index.ts';
import { createTestDatabase, silentLog, type TestDatabase } from '../testing/index.ts';
import { systemClock } from '../time/index.ts';
import { markBegun, pruneIntents, readDueIntents } from './effect-store.ts';
import { insertIntents, startEffects } from './index.ts';
import { processIdentity } from './process-identity.ts';

interface Letter {
  readonly to: string;
  readonly userId: bigint;
}

let testDatabase: TestDatabase;
const running = new Set<() => Promise<void>>();
/** Sizes of the batches that were recorded. */
let recorded: number[] = [];

before(async () => {
  testDatabase = await createTestDatabase({ service: 'delivery' });
  await testDatabase.database.query(
    'create table attempts (n bigint generated always as identity, id uuid, outcome text)',
  );
});
beforeEach(async () => {
  recorded = [];
  await testDatabase.database.query('truncate tradepost.effects, attempts');
});
afterEach(async () => {
  disarmFailpoints();
  await Promise.all([...running].map((close) => close()));
  running.clear();
});
after(() => testDatabase.close());

const cause = { requestId: 'request-1', correlationId: 'correlation-1' };

function start(
  perform: (letter: Letter, info: PerformInfo, signal: AbortSignal) => Promise<Performed<string>>,
  settings: Partial<Effect<Letter, string>> = {},
) {
  const { database } = testDatabase;
  const sendLetter = effect<Letter, string>({
    name: 'delivery.send-letter',
    perform: (letter, info, context) => perform(letter, info, context.signal),
    async record(attempts, tx) {
      recorded.push(attempts.length);
      await tx.query('insert into attempts (id, outcome) select * from unnest($1::uuid[], $2::text[])', [
        attempts.map(({ info }) => info.id),
        attempts.map(({ performed }) => performed.outcome),
      ]);
    },
    ...settings,
  });
  const shared = { database, clock: systemClock, log: silentLog };
  const ownership = createOwnership({
    name: 'effects',
    lease: createLease({ ...shared, name: 'effects' }),
    log: silentLog,
  });
  const transactions = createTransactions({
    ...shared,
    config: {},
    service: 'delivery',
    insertIntents,
    onCommitted: () => effects.poke(),
  });
  const context = { config: {}, db: database, ...shared, signal: new AbortController().signal } as unknown as Context;
  const effects = startEffects({ ...shared, effects: [sendLetter], transactions, context, ownership });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= effects.close().then(() => ownership.close());
    return closing;
  };
  running.add(close);
  const intend = (letters: readonly Letter[], notBefore?: Date) =>
    transactions.run(async (tx) => {
      for (const letter of letters) {
        tx.intend(sendLetter, letter, { cause, key: letter.to, ...(notBefore === undefined ? {} : { notBefore }) });
      }
    });
  return { effects, intend, close, transactions, sendLetter };
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('not within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function countOf(state: string): Promise<number> {
  const rows = await testDatabase.database.query('select id from tradepost.effects where state = $1', [state]);
  return rows.length;
}

const letters = (count: number): Letter[] =>
  Array.from({ length: count }, (_, index) => ({ to: `user-${index % 20}`, userId: BigInt(index) }));

test('intents are performed once each, in order and one at a time per key', async () => {
  const seen = new Map<string, bigint[]>();
  const under = new Set<string>();
  const { intend } = start(async ({ to, userId }) => {
    assert.equal(under.has(to), false);
    under.add(to);
    await new Promise((resolve) => setTimeout(resolve, 1));
    under.delete(to);
    seen.set(to, [...(seen.get(to) ?? []), userId]);
    return { outcome: 'done', result: 'ok' };
  });
  await intend(letters(200));
  await until(async () => (await countOf('done')) === 200);
  for (const [to, ids] of seen) {
    assert.deepEqual(
      ids,
      letters(200)
        .filter((letter) => letter.to === to)
        .map(({ userId }) => userId),
    );
  }
  assert.equal((await testDatabase.database.query('select distinct id from attempts')).length, 200);
});

test('attempts that end together are recorded in one transaction', async () => {
  const { intend } = start(async () => ({ outcome: 'done', result: 'ok' }), { concurrency: 8 });
  await intend(letters(16));
  await until(async () => (await countOf('done')) === 16);
  assert.ok(recorded.length < 16, `${recorded.length} transactions for 16 attempts`);
  assert.equal(
    recorded.reduce((sum, size) => sum + size, 0),
    16,
  );
});

test('an attempt that cannot be recorded fails alone', async () => {
  const seen = new Map<string, number>();
  const { intend } = start(
    async ({ to }) => {
      seen.set(to, (seen.get(to) ?? 0) + 1);
      return { outcome: 'done', result: 'ok' };
    },
    {
      maxAttempts: 1,
      async record(attempts) {
        if (attempts.some(({ intent }) => intent.to === 'user-3')) throw new Error('a bug in record');
      },
    },
  );
  await intend(letters(8));
  await until(async () => (await countOf('done')) === 7 && (await countOf('given_up')) === 1);
  assert.deepEqual([...seen.values()], [1, 1, 1, 1, 1, 1, 1, 1]);
});

test('an intent that was rolled back is not performed', async () => {
  const performed: bigint[] = [];
  const { intend, transactions, sendLetter } = start(async ({ userId }) => {
    performed.push(userId);
    return { outcome: 'done', result: '' };
  });
  const undone = transactions.run(async (tx) => {
    tx.intend(sendLetter, { to: 'ada', userId: 1n }, { cause, key: 'ada' });
    throw new Error('undone');
  });
  await assert.rejects(undone, { message: 'undone' });
  await intend([{ to: 'ada', userId: 2n }]);
  await until(async () => (await countOf('done')) === 1);
  assert.deepEqual(performed, [2n]);
});

test('a retry comes later with the same id, and a rejection is final', async () => {
  const infos: PerformInfo[] = [];
  const { intend } = start(async (letter, info) => {
    if (letter.to === 'nobody') return { outcome: 'rejected', detail: 'no such person' };
    infos.push(info);
    if (info.attempt === 1) throw new Error('try again');
    return { outcome: 'done', result: 'ok' };
  });
  await intend([
    { to: 'ada', userId: 1n },
    { to: 'nobody', userId: 2n },
  ]);
  await until(async () => (await countOf('done')) === 1 && (await countOf('rejected')) === 1);
  assert.deepEqual(
    infos.map(({ attempt }) => attempt),
    [1, 2],
  );
  assert.equal(infos[0]?.id, infos[1]?.id);
});

test('an attempt whose time is over is aborted, and counted only when it has ended', async () => {
  const moments: string[] = [];
  const { intend } = start(
    (_letter, _info, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', async () => {
          moments.push('aborted');
          await new Promise((resolve) => setTimeout(resolve, 300));
          moments.push(`ended, ${await countOf('given_up')} given up`);
          reject(signal.reason);
        });
      }),
    { timeoutMs: 50, maxAttempts: 1 },
  );
  await intend([{ to: 'ada', userId: 1n }]);
  await until(async () => (await countOf('given_up')) === 1);
  assert.deepEqual(moments, ['aborted', 'ended, 0 given up']);
});

test('what was done just when its time was over counts as done', async () => {
  const { intend } = start(
    (_letter, _info, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ outcome: 'done', result: 'just so' }));
      }),
    { timeoutMs: 50, maxAttempts: 1 },
  );
  await intend([{ to: 'ada', userId: 1n }]);
  await until(async () => (await countOf('done')) === 1);
});

test('a stop waits for what is under way and records it', async () => {
  let begun = 0;
  const { intend, close } = start(async () => {
    begun += 1;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return { outcome: 'done', result: 'ok' };
  });
  await intend([{ to: 'ada', userId: 1n }]);
  await until(() => begun === 1);
  await close();
  assert.deepEqual([begun, await countOf('done')], [1, 1]);
});

test('what does not end within the stop is cut off and not recorded as failed', async () => {
  let begun = 0;
  const { intend, close } = start(
    (_letter, _info, signal) =>
      new Promise((resolve) => {
        begun += 1;
        signal.addEventListener('abort', () => resolve({ outcome: 'retry', detail: 'cut' }));
      }),
  );
  await intend([{ to: 'ada', userId: 1n }]);
  await until(() => begun === 1);
  await close();
  const rows = await testDatabase.database.query(
    'select state, attempts, detail, begun_by is not null as begun from tradepost.effects',
  );
  assert.deepEqual(rows, [{ state: 'pending', attempts: 0, detail: '', begun: true }]);
  assert.deepEqual(await testDatabase.database.query('select id from attempts'), []);
});

test('an outage pauses the effect, counts nothing against the intents and ends with one that passes', async () => {
  let away = true;
  let attempts = 0;
  const { effects, intend } = start(
    async () => {
      attempts += 1;
      if (away) return { outcome: 'retry', detail: 'connection refused', outage: true };
      return { outcome: 'done', result: 'ok' };
    },
    { maxAttempts: 2 },
  );
  await intend(letters(100));
  await until(() => effects.status()[0]?.state === 'paused');
  await new Promise((resolve) => setTimeout(resolve, 800));
  assert.ok(attempts < 20, `${attempts} attempts during the outage`);
  assert.equal(await countOf('pending'), 100);
  away = false;
  await until(async () => (await countOf('done')) === 100);
  assert.equal(effects.status()[0]?.state, 'running');
});

test('many keys that fail in one way are an outage, though nobody says so', async () => {
  let away = true;
  const { effects, intend } = start(async () => {
    if (away) throw new Error('socket hang up');
    return { outcome: 'done', result: 'ok' };
  });
  await intend(letters(20));
  await until(() => effects.status()[0]?.state === 'paused');
  away = false;
  await until(async () => (await countOf('done')) === 20);
});

for (const point of ['effect.before-perform', 'effect.after-perform', 'effect.after-record']) {
  test(`an intent survives a break at ${point}, with one record`, async () => {
    const ids: string[] = [];
    armFailpoint(point, 'throw', 1);
    const { intend } = start(async (_letter, info) => {
      ids.push(info.id);
      return { outcome: 'done', result: 'ok' };
    });
    await intend([{ to: 'ada', userId: 1n }]);
    await until(async () => (await countOf('done')) === 1);
    assert.equal(new Set(ids).size, 1);
    assert.equal(ids.length, point === 'effect.after-perform' ? 2 : 1);
    assert.equal((await testDatabase.database.query('select id from attempts')).length, 1);
  });
}

test('what is not due yet waits for its time', async () => {
  const { effects, intend } = start(async () => ({ outcome: 'done', result: 'ok' }));
  await intend([{ to: 'ada', userId: 1n }], new Date(Date.now() + 400));
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.deepEqual((await effects.counts()).get('delivery.send-letter'), { pending: 1, due: 0, failed: 0 });
  await until(async () => (await countOf('done')) === 1);
});

test('what was done is removed after its time, what failed stays', async () => {
  const { intend } = start(async ({ to }) =>
    to === 'nobody' ? { outcome: 'rejected', detail: 'no such person' } : { outcome: 'done', result: 'ok' },
  );
  await intend([
    { to: 'ada', userId: 1n },
    { to: 'nobody', userId: 2n },
  ]);
  await until(async () => (await countOf('done')) === 1 && (await countOf('rejected')) === 1);
  await pruneIntents(testDatabase.database, new Date(Date.now() - 60_000));
  assert.equal(await countOf('done'), 1);
  await pruneIntents(testDatabase.database, new Date(Date.now() + 60_000));
  assert.deepEqual([await countOf('done'), await countOf('rejected')], [0, 1]);
});

test('two processes do not perform the same intent', async () => {
  const ids: string[] = [];
  const perform = async (_letter: Letter, info: PerformInfo): Promise<Performed<string>> => {
    ids.push(info.id);
    await new Promise((resolve) => setTimeout(resolve, 2));
    return { outcome: 'done', result: 'ok' };
  };
  const first = start(perform);
  start(perform);
  await first.intend(letters(60));
  await until(async () => (await countOf('done')) === 60);
  assert.equal(ids.length, 60);
  assert.equal(new Set(ids).size, 60);
});

async function beginUnder(name: string): Promise<void> {
  await testDatabase.database.query('update tradepost.effects set begun_by = $1', [name]);
}

test('what a process that has ended began and did not record is performed again at once', async () => {
  const child = spawn(process.execPath, ['--eval', ''], { stdio: 'ignore' });
  await once(child, 'exit');
  const first = start(async () => ({ outcome: 'done', result: 'ok' }));
  await first.close();
  await first.intend([{ to: 'ada', userId: 1n }]);
  await beginUnder(`${processIdentity.replace(`|${process.pid}|`, `|${child.pid}|`)}|1`);
  start(async () => ({ outcome: 'done', result: 'ok' }));
  await until(async () => (await countOf('done')) === 1);
});

test('what another may still be doing is not performed again before it must have ended', async () => {
  const first = start(async () => ({ outcome: 'done', result: 'ok' }));
  await first.close();
  await first.intend([{ to: 'ada', userId: 1n }]);
  await beginUnder(`${processIdentity}|1`);
  await first.intend([
    { to: 'ada', userId: 2n },
    { to: 'bob', userId: 3n },
  ]);
  const startedMs = performance.now();
  const seen: bigint[] = [];
  let waitedMs = 0;
  start(
    async ({ userId }) => {
      if (userId === 1n) waitedMs = performance.now() - startedMs;
      seen.push(userId);
      return { outcome: 'done', result: 'ok' };
    },
    { timeoutMs: 500 },
  );
  await until(async () => (await countOf('done')) === 3);
  assert.deepEqual(seen, [3n, 1n, 2n]);
  assert.ok(waitedMs >= 5_500, `it waited ${waitedMs} ms`);
});

test('an owner that no longer owns the effects begins nothing', async () => {
  const { database } = testDatabase;
  const { intend, close } = start(async () => ({ outcome: 'done', result: 'ok' }));
  await close();
  await intend([{ to: 'ada', userId: 1n }]);
  const due = await readDueIntents(database, 'delivery.send-letter', new Date(), [], 10, null);
  const [lease] = await database.query<{ epoch: bigint }>("select epoch from tradepost.leases where name = 'effects'");
  const epoch = lease?.epoch ?? 0n;
  assert.deepEqual(await markBegun(database, 'effects', epoch - 1n, 'a', due), []);
  assert.equal((await markBegun(database, 'effects', epoch, 'a', due)).length, 1);
  assert.deepEqual(await markBegun(database, 'effects', epoch, 'b', due), []);
});
