// One run: a workload against a system that is killed in the middle, started again, and brought to rest.
import { setTimeout as sleep } from 'node:timers/promises';
import { withConnection, withDatabaseName } from '@tradepost/platform/db';
import { check, type Violation } from './checker.ts';
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
  /** Kills so far that may have sent a mail again. */
  mailsMaybeTwice: number;
  close(): Promise<void>;
}

export interface Scenario {
  readonly name: string;
  /** `TRADEPOST_FAILPOINTS`; without it the process is killed after `killAfterMs`. */
  readonly failpoints?: string;
  readonly killAfterMs?: number;
  readonly withPostgres?: boolean;
  /** `TRADEPOST_PLANT`. */
  readonly plant?: string;
  readonly events?: number;
}

// The effect runner has at most eight mails under way; each may be sent again when the process dies between the server's
// yes and our record. That is the only such window.
const MAILS_UNDER_WAY = 8;
const USERS = 24;
const WRITERS = 16;
const REST_MS = 60_000;

export async function createRig(): Promise<Rig> {
  const sink = await createMailSink();
  const system = await createCrashSystem(sink.url);
  await system.start();
  const users: number[] = [];
  for (let n = 0; n < USERS; n += 1) {
    const response = await fetch(`${system.url}/api/v1/users`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: `Person ${n}`, email: `person-${n}@example.com` }),
    });
    users.push(((await response.json()) as { id: number }).id);
  }
  await system.kill('SIGTERM');
  return {
    ...{ system, sink, users, ledger: createLedger() },
    mailsMaybeTwice: 0,
    async close() {
      await system.close();
      await sink.close();
    },
  };
}

/** @returns what the checker found, and whether the process really died where it was to die. */
export async function runScenario(rig: Rig, scenario: Scenario): Promise<{ violations: Violation[]; died: boolean }> {
  const { system } = rig;
  const env = {
    ...(scenario.failpoints === undefined ? {} : { TRADEPOST_FAILPOINTS: scenario.failpoints }),
    ...(scenario.plant === undefined ? {} : { TRADEPOST_PLANT: scenario.plant }),
  };
  await system.start(env);
  const working = runWorkload({
    ...{ baseUrl: () => system.url, ledger: rig.ledger, users: rig.users, writers: WRITERS },
    events: scenario.events ?? 600,
    deadlineMs: 120_000,
  });
  const died = await die(rig, scenario, working);
  if (died) rig.mailsMaybeTwice += MAILS_UNDER_WAY;
  if (system.ended() === undefined)
    await system.start(scenario.plant === undefined ? {} : { TRADEPOST_PLANT: scenario.plant });
  await working;
  await rest(rig);
  const rows = await readRows(system.adminUrl());
  const violations = check({
    ledger: rig.ledger,
    rows,
    mails: rig.sink.accepted,
    mailsMaybeTwice: rig.mailsMaybeTwice,
  });
  await system.kill('SIGTERM');
  return { violations, died };
}

async function die(rig: Rig, scenario: Scenario, working: Promise<void>): Promise<boolean> {
  const { system } = rig;
  if (scenario.killAfterMs !== undefined) {
    await sleep(scenario.killAfterMs);
    await system.kill('SIGKILL');
  }
  // The workload goes on asking until it is answered, so it cannot end while the system lies dead.
  const outcome = await Promise.race([
    system.ended()?.then(() => true) ?? true,
    working.then(() => sleep(3000)).then(() => false),
  ]);
  if (outcome && scenario.withPostgres) system.killPostgres();
  return outcome;
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
