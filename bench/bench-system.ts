// The system under test, as a process of its own as a user starts it, and beside it, on the same PostgreSQL, databases
// with the same tables for the baselines.

import { setTimeout as sleep } from 'node:timers/promises';
import { OperationsService } from '@tradepost/contracts/operations';
import { topology } from '@tradepost/deploy';
import {
  type Database,
  migrateUp,
  migrationSources,
  openDatabase,
  provisionDatabase,
  startEmbeddedPostgres,
} from '@tradepost/platform/db';
import pg from 'pg';
import { type Connection, openConnection } from '../cli/connect.ts';
import { isQuiet } from '../cli/imports/settlement.ts';
import { findRuns } from '../cli/run-registration.ts';
import { type RunningSystem, startSystem } from '../tests/running-system.ts';
import { cpuSecondsOf } from './processes.ts';

export interface BenchSystem {
  readonly url: string;
  readonly connection: Connection;
  /** The product's process. */
  readonly pid: number;
  readonly postgresPid: number;
  /** A service's own database, through the driver alone. */
  database(service: string): Promise<pg.Client>;
  /** The same, through the platform's pool. */
  pool(service: string): Promise<Database>;
  /** URL of a database with a service's tables, for baselines only. */
  baselineUrl(service: string): Promise<string>;
  /** CPU seconds so far of the product and PostgreSQL. */
  cpuSeconds(): number | undefined;
  /** CPU seconds so far of PostgreSQL. */
  postgresCpuSeconds(): number | undefined;
  /** Waits until nothing is on its way any more. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const SETTLE_LIMIT_MS = 180_000;
const SETTLE_POLL_MS = 50;
const silent = { debug() {}, info() {}, warn() {}, error() {}, line() {} };

/** @param services those to start; all without. */
export async function startBenchSystem(services: readonly string[] = []): Promise<BenchSystem> {
  const system = await startSystem({ args: services, env: { LOG_LEVEL: 'warn', SMTP_URL: '' } });
  const closers: (() => unknown)[] = [() => system.close()];
  const close = async (): Promise<void> => {
    for (const closer of closers.toReversed()) await closer();
  };
  try {
    return await joinSystem(system, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function joinSystem(
  system: RunningSystem,
  closers: (() => unknown)[],
  close: () => Promise<void>,
): Promise<BenchSystem> {
  const directory = system.env.TRADEPOST_DATA as string;
  const pid = findRuns(directory)[0]?.pid;
  if (pid === undefined) throw new Error('The started system has left no registration.');
  // It runs already: this adopts it, and keeps it until the last one lets go.
  const postgres = await startEmbeddedPostgres({ directory, log: silent });
  closers.push(() => postgres.stop());
  const connection = await openConnection({ address: system.grpc, apiKey: undefined });
  closers.push(() => connection.close());
  const operations = connection.client(OperationsService);
  return {
    ...{ url: system.url, connection, pid, postgresPid: postgres.pid, close },
    async database(service) {
      const client = new pg.Client(await provisionDatabase(postgres.adminUrl, service));
      await client.connect();
      closers.push(() => client.end());
      return client;
    },
    async pool(service) {
      const url = await provisionDatabase(postgres.adminUrl, service);
      const database = await openDatabase({ service, url, log: silent });
      closers.push(() => database.close());
      return database;
    },
    async baselineUrl(service) {
      const url = await provisionDatabase(postgres.adminUrl, `baseline_${service}`);
      const definition = topology.find((placed) => placed.service.name === service)?.service;
      await migrateUp(url, migrationSources(service, definition?.migrations));
      return url;
    },
    cpuSeconds: () => cpuSecondsOf([pid, postgres.pid]),
    postgresCpuSeconds: () => cpuSecondsOf([postgres.pid]),
    async settle() {
      const giveUpMs = performance.now() + SETTLE_LIMIT_MS;
      while (!isQuiet(await operations.getStatus({}))) {
        if (performance.now() > giveUpMs) throw new Error(`Not at rest after ${SETTLE_LIMIT_MS} ms.`);
        await sleep(SETTLE_POLL_MS);
      }
    },
    close,
  };
}

/** What was used between two readings. */
export function between(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before;
}
