// All given services in this process, each on a fresh database, with a clock that tests move, and `settle()`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { loadPlatformConfig } from '../config/index.ts';
import type { Queryable } from '../db/index.ts';
import type { Bus } from '../events/index.ts';
import { type Core, type CoreOptions, startCore, startHost } from '../host/index.ts';
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
  /** Opens REST and gRPC, on free ports of loopback. */
  readonly serve?: boolean;
  /** Default: only errors are shown. */
  readonly log?: ServiceLogger;
}

export interface TestPlatform {
  readonly core: Core;
  readonly clock: TestClock;
  /** `http://127.0.0.1:34567`; empty unless it serves. */
  readonly url: string;
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
  const given = { services, config, log, clock, ...(wrapBus === undefined ? {} : { wrapBus }) };
  const started = await (options.serve === true ? serve(given) : start(given)).catch(async (error) => {
    await drop();
    throw error;
  });
  const { core } = started;
  return {
    core,
    clock,
    url: started.url,
    client: (service) => core.clients.client(service, 'test'),
    database: (service) => (databases.get(service) as TestDatabase).database,
    adminUrl: [...databases.values()][0]?.adminUrl ?? '',
    settle: (timeoutMs = 15_000) => core.settle(timeoutMs),
    async close() {
      await started.close();
      await drop();
    },
  };
}

interface Started {
  readonly core: Core;
  readonly url: string;
  close(): Promise<void>;
}

async function start(options: CoreOptions): Promise<Started> {
  const core = await startCore(options);
  return { core, url: '', close: () => core.close() };
}

async function serve(options: CoreOptions): Promise<Started> {
  const free = { port: 0, fixed: true };
  const config = { ...options.config, http: free, grpc: free };
  const host = await startHost({ ...options, config, version: '0.0.0' });
  return { core: host.core, url: `http://127.0.0.1:${host.http?.port}`, close: () => host.close() };
}
