// One run: a workload against a system that is killed in the middle, started again, and brought to rest.
import { setTimeout as sleep } from 'node:timers/promises';
import { withConnection, withDatabaseName } from '@tradepost/platform/db';
import { type PlantedFault, plantFault } from '@tradepost/platform/testing';
import { check, type Violation } from './checker.ts';
import { runHostileWriters } from './hostile-writers.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createMailSink, type MailSink } from './mail-sink.ts';
import { readRows } from './rows.ts';
import { type CrashSystem, createCrashSystem } from './system.ts';
import { runWorkload } from './workload.ts';

export interface Rig {
  readonly system: CrashSystem;
  readonly ledger: Ledger;
  readonly sink: MailSink;
  readonly users: readonly number[];
  /** When it was killed so far, by `performance.now()`. */
  readonly killsAtMs: number[];
  close(): Promise<void>;
}

export interface Scenario {
  readonly name: string;
  /** `TRADEPOST_FAILPOINTS`; without it the process is killed after `killAfterMs`. */
  readonly failpoints?: string;
  readonly killAfterMs?: number;
  readonly withPostgres?: boolean;
  /** Stops it in good order then, while the mail server has accepted mails and is slow to say so. */
  readonly stopAfterMs?: number;
  /** `TRADEPOST_PLANT`. */
  readonly plant?: string;
  readonly events?: number;
  /** Writes unkindly into the score service's database meanwhile. */
  readonly hostileMs?: number;
  /** Planted into the score service's database before the work begins. */
  readonly fault?: PlantedFault;
}

// Longer than any moment between acceptance and record, shorter than a stop in good order may take.
const SLOW_ANSWER_MS = 1_500;
const USERS = 24;
/** Of them, those whom only the hostile writers write about. */
const HOSTILE_USERS = 4;
const WRITERS = 16;
const REST_MS = 60_000;

export async function createRig(): Promise<Rig> {
  const sink = await createMailSink();
  const system = await createCrashSystem(sink.url);
  const close = async (): Promise<void> => {
    await system.close();
    await sink.close();
  };
  try {
    await system.start();
    const users = await createUsers(system.url);
    await system.kill('SIGTERM');
    return { system, sink, users, ledger: createLedger(), killsAtMs: [], close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function createUsers(url: string): Promise<number[]> {
  const users: number[] = [];
  for (let n = 0; n < USERS; n += 1) {
    const response = await fetch(`${url}/api/v1/users`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: `Person ${n}`, email: `person-${n}@example.com` }),
    });
    users.push(((await response.json()) as { id: number }).id);
  }
  return users;
}

export interface RunResult {
  readonly violations: readonly Violation[];
  /** Whether the process really died where it was to die. */
  readonly died: boolean;
  /** Exit code or signal of the end in the middle. */
  readonly ended: string;
  /** Mails that arrived again so far, each with its own Message-ID. */
  readonly mailsTwice: number;
}

export async function runScenario(rig: Rig, scenario: Scenario): Promise<RunResult> {
  const { system } = rig;
  const env = {
    ...(scenario.failpoints === undefined ? {} : { TRADEPOST_FAILPOINTS: scenario.failpoints }),
    ...(scenario.plant === undefined ? {} : { TRADEPOST_PLANT: scenario.plant }),
  };
  await system.start(env);
  const working = Promise.all([work(rig, scenario), writeHostilely(rig, scenario)]).then(() => {});
  const dies = [scenario.failpoints, scenario.killAfterMs, scenario.stopAfterMs].some((how) => how !== undefined);
  const died = dies && (await die(rig, scenario, working));
  const ended = system.howItEnded();
  if (system.ended() === undefined)
    await system.start(scenario.plant === undefined ? {} : { TRADEPOST_PLANT: scenario.plant });
  await working;
  await rest(rig);
  const rows = await readRows(system.adminUrl());
  const violations = check({
    ledger: rig.ledger,
    rows,
    mails: rig.sink.accepted,
    killsAtMs: rig.killsAtMs,
  });
  await system.kill('SIGTERM');
  const mailsTwice = rig.sink.accepted.length - new Set(rig.sink.accepted.map(({ messageId }) => messageId)).size;
  return { violations, died, ended, mailsTwice };
}

function work(rig: Rig, scenario: Scenario): Promise<void> {
  return runWorkload({
    ...{ baseUrl: () => rig.system.url, ledger: rig.ledger, writers: WRITERS },
    users: rig.users.slice(HOSTILE_USERS),
    events: scenario.events ?? 600,
    deadlineMs: 120_000,
  });
}

async function writeHostilely({ system, ledger, users }: Rig, { hostileMs, fault }: Scenario): Promise<void> {
  const adminUrl = system.adminUrl();
  const database = withDatabaseName(adminUrl, 'tradepost_score');
  if (fault !== undefined) await withConnection(database, (db) => plantFault(db, fault));
  if (hostileMs === undefined) return;
  await runHostileWriters({ adminUrl, ledger, users: users.slice(0, HOSTILE_USERS), writers: 8, forMs: hostileMs });
}

async function die(rig: Rig, scenario: Scenario, working: Promise<void>): Promise<boolean> {
  const { system } = rig;
  if (scenario.killAfterMs !== undefined) {
    await sleep(scenario.killAfterMs);
    await system.kill('SIGKILL');
  }
  if (scenario.stopAfterMs !== undefined) {
    await sleep(scenario.stopAfterMs);
    await stopWhileMailsAreAnswered(rig);
    return true;
  }
  // The workload goes on asking until it is answered, so it cannot end while the system lies dead.
  const outcome = await Promise.race([
    system.ended()?.then(() => true) ?? true,
    working.then(() => sleep(3000)).then(() => false),
  ]);
  if (outcome) rig.killsAtMs.push(performance.now());
  if (outcome && scenario.withPostgres) system.killPostgres();
  return outcome;
}

/** Stops it when mails were accepted and not answered: a stop that waits for none of them would send them again. */
async function stopWhileMailsAreAnswered({ system, sink }: Rig): Promise<void> {
  const before = sink.accepted.length;
  sink.answerAfter(SLOW_ANSWER_MS);
  const until = performance.now() + 10_000;
  while (sink.accepted.length < before + 4 && performance.now() < until) await sleep(5);
  await system.kill('SIGTERM');
  sink.answerAfter(0);
}

/** Waits until nothing is on its way any more, asking the databases; what never comes to rest the checker names. */
async function rest({ system }: Rig): Promise<void> {
  const until = performance.now() + REST_MS;
  let before = '';
  let since = performance.now();
  while (performance.now() < until) {
    const facts = await readFacts(system.adminUrl());
    if (facts.settled) return;
    const now = JSON.stringify(facts);
    if (now !== before) since = performance.now();
    before = now;
    // A planted fault may leave something undone for ever.
    if (performance.now() - since > 8000) return;
    await sleep(100);
  }
}

async function readFacts(adminUrl: string): Promise<{ settled: boolean; counts: string[] }> {
  const count = async (service: string, sql: string): Promise<bigint> =>
    withConnection(withDatabaseName(adminUrl, `tradepost_${service}`), async (db) => {
      const [row] = await db.query<{ count: bigint }>(sql);
      return row?.count ?? 0n;
    });
  const [events, unlogged, notifications, unsent] = await Promise.all([
    count('score', 'select count(*) as count from score_events'),
    count('score', 'select (select count(*) from tradepost.outbox) - (select count(*) from tradepost.log) as count'),
    count('notification', 'select count(*) as count from notifications'),
    count('notification', "select count(*) as count from notifications where status = 'queued'"),
  ]);
  const settled = unlogged === 0n && notifications >= events && unsent === 0n;
  return { settled, counts: [events, unlogged, notifications, unsent].map(String) };
}
