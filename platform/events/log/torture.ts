// Runs writers, rival leaders and faults against one database, then asks the oracle. Used by the sequencer's own test,
// and longer by hand.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../db/index.ts';
import { openDatabase, withConnection } from '../../db/index.ts';
import { examineLog, isSound, type LogFindings, silentLog } from '../../testing/index.ts';
import { createRandom } from '../../testing/random.ts';
import { systemClock } from '../../time/index.ts';
import { openLogReader } from './log-reader.ts';
import { LogHoleError, type LogRecord } from './log-record.ts';
import { runPass } from './pass.ts';
import { type Sequencer, startSequencer } from './sequencer.ts';
import { runWriter, TORTURE_SCHEMA } from './torture-writer.ts';

export interface TortureOptions {
  /** A database with the platform's migrations; nobody else uses it. */
  readonly url: string;
  readonly seed: number;
  readonly forMs: number;
  readonly writers?: number;
  /** Ends sessions of writers and leaders at random. */
  readonly kills?: boolean;
  /** Stops the server at once and starts it again; called about every second. */
  readonly crash?: () => Promise<void>;
}

export interface TortureReport extends LogFindings {
  readonly sound: boolean;
  /** Keys whose revisions do not stand in the log as 1, 2, 3, … up to the last that was committed. */
  readonly disordered: bigint;
  /** Records that a consumer, reading all the while, saw otherwise than they stand in the log now, or not at all. */
  readonly misread: number;
  readonly transactions: number;
  readonly epochs: bigint;
  readonly kills: number;
  readonly crashes: number;
}

const CHUNKS = [15, 60, 1000];

export async function torture(options: TortureOptions): Promise<TortureReport> {
  const { url, seed, forMs, writers = 16 } = options;
  await withConnection(url, (connection) => connection.query(TORTURE_SCHEMA));
  const database = await openTortureDatabase(url);
  const endMs = performance.now() + forMs;
  const isOver = (): boolean => performance.now() >= endMs;
  const rivals = await startRivals(url);
  const reading = startReading(database);
  const faults = { kills: 0, crashes: 0 };
  const [transactions] = await Promise.all([
    Promise.all(
      Array.from({ length: writers }, (_, n) => runWriter(url, createRandom(seed + n), `t${seed}-${n}`, isOver)),
    ),
    runTwin(database, seed, isOver),
    stealLeases(database, seed, isOver),
    settleOrphans(database, url, isOver),
    options.kills === true ? killSessions(url, seed, isOver, faults) : undefined,
    options.crash === undefined ? undefined : crashServer(options.crash, isOver, faults),
  ]);
  await settlePrepared(database, url, 0);
  const epochs = await readEpoch(database);
  await settle(database);
  const records = await reading.finish();
  for (const rival of rivals) await rival.close();
  const report = await examine(database, records);
  await database.close();
  return { ...report, epochs, ...faults, transactions: transactions.reduce((sum, count) => sum + count, 0) };
}

function openTortureDatabase(url: string): Promise<Database> {
  return openDatabase({ service: 'torture', url, log: silentLog, maxConnections: 4 });
}

async function startRivals(url: string): Promise<{ close(): Promise<void> }[]> {
  return Promise.all(
    CHUNKS.map(async (chunkRows) => {
      const database = await openTortureDatabase(url);
      const sequencer: Sequencer = startSequencer({ database, clock: systemClock, log: silentLog, chunkRows });
      return {
        async close() {
          await sequencer.close();
          await database.close();
        },
      };
    }),
  );
}

// A pass that outlived its client: it runs beside the leader's under the leader's own epoch.
async function runTwin(database: Database, seed: number, isOver: () => boolean): Promise<void> {
  const random = createRandom(seed + 3000);
  while (!isOver()) {
    try {
      await Promise.all([1, 2].map(async () => runPass(database, await readEpoch(database), 40)));
      await sleep(random.below(40));
    } catch {
      await sleep(20);
    }
  }
}

async function stealLeases(database: Database, seed: number, isOver: () => boolean): Promise<void> {
  const random = createRandom(seed + 1000);
  while (!isOver()) {
    await sleep(100 + random.below(300));
    await database.query('update tradepost.leases set backend_pid = 0, epoch = epoch + 1').catch(() => {});
  }
}

async function killSessions(
  url: string,
  seed: number,
  isOver: () => boolean,
  faults: { kills: number },
): Promise<void> {
  const random = createRandom(seed + 2000);
  while (!isOver()) {
    await sleep(50 + random.below(250));
    const killed = await withConnection(url, (connection) =>
      connection.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() order by random() limit 1`,
      ),
    ).catch(() => []);
    faults.kills += killed.length;
  }
}

async function crashServer(crash: () => Promise<void>, isOver: () => boolean, faults: { crashes: number }) {
  while (!isOver()) {
    await sleep(900);
    await crash();
    faults.crashes += 1;
  }
}

async function readEpoch(database: Database): Promise<bigint> {
  const [fence] = await database.query<{ epoch: bigint }>('select epoch from tradepost.fence');
  return (fence as { epoch: bigint }).epoch;
}

// What a killed writer has prepared would keep its keys locked until the end.
async function settleOrphans(database: Database, url: string, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await sleep(300);
    await settlePrepared(database, url, 400).catch(() => {});
  }
}

async function settlePrepared(database: Database, url: string, olderThanMs: number): Promise<void> {
  const left = await database.query<{ gid: string }>(
    `select gid from pg_prepared_xacts
     where database = current_database() and prepared <= clock_timestamp() - $1 * interval '1 ms'`,
    [olderThanMs],
  );
  for (const { gid } of left) {
    await withConnection(url, (connection) => connection.query(`commit prepared '${gid}'`)).catch(() => {});
  }
}

// Passes until nothing is found twice in a row, or nothing can be found any more.
async function settle(database: Database): Promise<void> {
  let idle = 0;
  while (idle < 2) {
    const { outcome, logged, more } = await runPass(database, await readEpoch(database), 5000);
    if (outcome === 'moved' || outcome === 'future') return;
    idle = outcome !== 'fenced' && logged === 0 && !more ? idle + 1 : 0;
  }
}

function startReading(database: Database): { finish(): Promise<LogRecord[]> } {
  const reader = openLogReader({ database });
  const positions = new Map([0, 1, 2, 3].map((part) => [part, { topic: 'torture', part, after: 0n }]));
  const records: LogRecord[] = [];
  let finishing = false;
  const read = async (): Promise<void> => {
    for (;;) {
      try {
        const last = finishing;
        const found = await reader.read([...positions.values()], 500);
        for (const record of found) positions.set(record.part, { ...record, after: record.sequence });
        records.push(...found);
        if (last && found.length === 0) return;
        if (found.length === 0) await sleep(5);
      } catch (error) {
        // A hole stays one: with the server back and the log at rest nothing more can come.
        if (finishing || error instanceof LogHoleError) return;
        await sleep(20);
      }
    }
  };
  const running = read();
  return {
    async finish() {
      finishing = true;
      await running;
      return records;
    },
  };
}

async function examine(database: Database, seen: readonly LogRecord[]) {
  const findings = await examineLog(database);
  const [order] = await database.query<{ disordered: bigint }>(`
    select count(*) as disordered from torture_keys k left join lateral (
      select count(*) as found, count(*) filter (where revision <> place) as misplaced
      from (
        select convert_from(o.value, 'UTF8')::bigint as revision, row_number() over (order by l.sequence) as place
        from tradepost.log l join tradepost.outbox o on o.seq = l.seq where o.key = k.key
      ) r
    ) r on true
    where r.misplaced > 0 or r.found <> k.revision`);
  const { disordered } = order as { disordered: bigint };
  const rows = await database.query<{ place: string; id: string }>(`
    select l.part || '/' || l.sequence as place, o.id from tradepost.log l join tradepost.outbox o on o.seq = l.seq`);
  const stored = new Map(rows.map(({ place, id }) => [place, id]));
  const wrong = seen.filter(({ part, sequence, id }) => stored.get(`${part}/${sequence}`) !== id).length;
  const misread = wrong + Math.abs(rows.length - seen.length);
  return { ...findings, disordered, misread, sound: isSound(findings) && disordered === 0n && misread === 0 };
}
