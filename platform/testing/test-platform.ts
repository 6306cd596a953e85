// All given services in this process, each on a fresh database, with a clock that tests move, and `settle()`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { loadPlatformConfig } from '../config/index.ts';
import type { Queryable } from '../db/index.ts';
import type { Bus } from '../events/index.ts';
import { type Core, startCore } from '../host/index.ts';
import type { Client } from '../rpc/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import { createLogger, type ServiceLogger } from '../telemetry/index.ts';
import { createTestClock, type TestClock } from '../time/index.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

export interface TestPlatformOptions {
  readonly services: readonly ServiceDefinition[];
  /** Settings as environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly wrapBus?: (bus: Bus) => Bus;
  /** Default: only errors are shown. */
  readonly log?: ServiceLogger;
}

export interface TestPlatform {
  readonly core: Core;
  readonly clock: TestClock;
  client<S extends DescService>(service: S): Client<S>;
  /** A service's own database. */
  database(service: string): Queryable;
  /** Administrator's URL of the test server. */
  readonly adminUrl: string;
  /**
   * Waits until nothing is left to do: every event in its log, every cursor at its head, nothing parked or effect due.
   * @throws when that takes longer than `timeoutMs`, with what is left.
   */
  settle(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

export async function testPlatform(options: TestPlatformOptions): Promise<TestPlatform> {
  const databases = new Map<string, TestDatabase>();
  const directory = mkdtempSync(join(tmpdir(), 'tradepost-test-'));
  await Promise.all(
    options.services.map(async ({ name, migrations }) => {
      if (migrations === undefined) return;
      databases.set(name, await createTestDatabase({ service: name, migrations, maxConnections: 2 }));
    }),
  );
  const urls = [...databases].map(([name, { url }]) => [`${name.toUpperCase()}_DATABASE_URL`, url] as const);
  const config = loadPlatformConfig({
    services: options.services.map(({ name }) => name),
    specs: options.services.map(({ config: spec }) => spec),
    env: { DATA_DIRECTORY: directory, ...Object.fromEntries(urls), ...options.env },
  });
  const clock = createTestClock();
  const log = options.log ?? createLogger({ level: 'error', format: 'json' });
  const { wrapBus, services } = options;
  const drop = async (): Promise<void> => {
    await Promise.all([...databases.values()].map((database) => database.close()));
    rmSync(directory, { recursive: true, force: true });
  };
  const core = await startCore({ services, config, log, clock, ...(wrapBus === undefined ? {} : { wrapBus }) }).catch(
    async (error) => {
      await drop();
      throw error;
    },
  );
  return {
    core,
    clock,
    client: (service) => core.clients.client(service, 'test'),
    database: (service) => (databases.get(service) as TestDatabase).database,
    adminUrl: [...databases.values()][0]?.adminUrl ?? '',
    settle: (timeoutMs = 15_000) => core.settle(timeoutMs),
    async close() {
      await core.close();
      await drop();
    },
  };
}
