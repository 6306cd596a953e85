// The sequencer against an oracle, with every fault that its surroundings can have, and against planted faults of its
// own, which the oracle must find. TORTURE_SECONDS makes the first test longer, TORTURE_SEED repeats its decisions.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  migrateUp,
  migrationSources,
  provisionDatabase,
  startEmbeddedPostgres,
  withConnection,
} from '../../db/index.ts';
import { createTestDatabase, type PlantedFault, plantedFaults, plantFault, silentLog } from '../../testing/index.ts';
import { torture } from './torture.ts';

const seconds = Number(process.env.TORTURE_SECONDS ?? 5);
const seed = Number(process.env.TORTURE_SEED ?? Date.now() % 1_000_000);

interface CrashableServer {
  readonly adminUrl: () => string;
  /** Stops the server at once, as a power cut would, and starts it again. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

async function startCrashableServer(): Promise<CrashableServer> {
  const directory = mkdtempSync(join(tmpdir(), 'tradepost-torture-'));
  // What was acknowledged must survive, or a reader has seen more than there is.
  const options = { directory, port: 54_700, log: silentLog, durable: false, settings: { synchronous_commit: 'on' } };
  let server = await startEmbeddedPostgres(options);
  return {
    adminUrl: () => server.adminUrl,
    async crash() {
      process.kill(server.pid, 'SIGQUIT');
      while (isAlive(server.pid)) await sleep(5);
      const next = await startEmbeddedPostgres(options);
      await server.stop();
      server = next;
    },
    async stop() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test(`every committed event is in the log once, dense and in order per key (seed ${seed})`, async (t) => {
  const server = await startCrashableServer();
  try {
    const url = await provisionDatabase(server.adminUrl(), 'torture');
    await migrateUp(url, migrationSources('torture'));
    const report = await torture({ url, seed, forMs: seconds * 1000, kills: true, crash: server.crash });
    t.diagnostic(
      `seed ${seed}: ${JSON.stringify(report, (_, value) => (typeof value === 'bigint' ? Number(value) : value))}`,
    );
    assert.equal(report.sound, true, `seed ${seed} ${String(report)}`);
    assert.ok(report.committed > 100n && report.kills > 0 && report.crashes > 0 && report.epochs > 3n);
  } finally {
    await server.stop();
  }
});

async function findFault(fault: PlantedFault): Promise<string | undefined> {
  for (let round = 0; round < 5; round += 1) {
    const testDatabase = await createTestDatabase({ service: 'torture' });
    try {
      await plantFault(testDatabase.database, fault);
      const report = await torture({ url: testDatabase.url, seed: seed + round, forMs: 1000 });
      const found = report.lost > 0n ? 'loss' : report.repeated > 0n ? 'repetition' : 'disorder';
      if (!report.sound) return found;
    } finally {
      await testDatabase.close();
    }
  }
  return undefined;
}

test('the oracle finds each planted fault of the sequencer, and what it does', async () => {
  const faults = [...plantedFaults];
  const found = new Map<string, string | undefined>();
  const work = async (): Promise<void> => {
    for (let fault = faults.shift(); fault !== undefined; fault = faults.shift()) {
      found.set(fault.name, await findFault(fault));
    }
  };
  await Promise.all([work(), work(), work()]);
  assert.deepEqual(
    Object.fromEntries(found),
    Object.fromEntries(plantedFaults.map(({ name, effect }) => [name, effect])),
  );
});

test('a fault that does not fit the function is refused instead of being planted half', async () => {
  const testDatabase = await createTestDatabase({ service: 'torture' });
  const fault: PlantedFault = { name: 'nowhere', effect: 'loss', replace: [['no such text', '']] };
  await assert.rejects(plantFault(testDatabase.database, fault), /"nowhere" finds its text not exactly once/);
  await testDatabase.close();
});

test('an open transaction, here or in another database, holds back nobody, and its event comes later', async () => {
  const testDatabase = await createTestDatabase({ service: 'torture' });
  const other = await createTestDatabase({ service: 'torture' });
  const { database, url } = testDatabase;
  const insert = `
    insert into tradepost.outbox (topic, part, key, id, type, occurred_at, request_id, correlation_id, value)
    values ('t', 0, $1, gen_random_uuid(), 'x', now(), '', '', '{}')`;
  const pass = () => database.query<{ logged: number }>('select logged from tradepost.pass(0, $1)', [100]);
  await withConnection(other.url, async (elsewhere) => {
    await elsewhere.query('begin');
    await elsewhere.query(insert, ['elsewhere']);
    await withConnection(url, async (late) => {
      await late.query('begin');
      await late.query(insert, ['late']);
      for (const key of ['a', 'b', 'c']) {
        await database.query(insert, [key]);
        assert.equal((await pass())[0]?.logged, 1);
      }
      await late.query('commit');
      assert.equal((await pass())[0]?.logged, 1);
    });
    await elsewhere.query('rollback');
  });
  const log = await database.query<{ key: string; sequence: bigint }>(
    'select o.key, l.sequence from tradepost.log l join tradepost.outbox o on o.seq = l.seq order by l.sequence',
  );
  assert.deepEqual(
    log.map(({ key }) => key),
    ['a', 'b', 'c', 'late'],
  );
  await testDatabase.close();
  await other.close();
});
