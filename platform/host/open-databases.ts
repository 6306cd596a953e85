// Brings up what the hosted services store in: the server, one database and role a service, the migrations, the pools.

import type { PlatformConfig } from '../config/index.ts';
import {
  type Database,
  type DatabaseObserver,
  type EmbeddedPostgres,
  migrateUp,
  migrationSources,
  openDatabase,
  provisionDatabase,
  superviseEmbeddedPostgres,
} from '../db/index.ts';
import type { Logger, ServiceDefinition } from '../service/index.ts';
import type { ReportStep } from './steps.ts';

/** The pools of one service: requests and consumers do not wait for the pipeline's own round trips, nor the reverse. */
export interface ServiceDatabase {
  readonly main: Database;
  /** For the sequencer and the readers of the log. */
  readonly pipeline: Database;
}

export interface OpenDatabases {
  readonly byService: ReadonlyMap<string, ServiceDatabase>;
  readonly postgres: EmbeddedPostgres | undefined;
  /** Administrator's URL of the server; absent where every service has a database of its own elsewhere. */
  readonly adminUrl: string | undefined;
  close(): Promise<void>;
}

const PIPELINE_CONNECTIONS = 3;
// Below the take-over time: a stopped leader that holds the fence loses its session before a rival waits in vain.
const PIPELINE_IDLE_IN_TRANSACTION_MS = 2_500;

export interface OpenDatabasesOptions {
  readonly services: readonly ServiceDefinition[];
  readonly config: PlatformConfig;
  readonly log: Logger;
  readonly observer?: DatabaseObserver;
  readonly report: ReportStep;
}

export async function openDatabases(options: OpenDatabasesOptions): Promise<OpenDatabases> {
  const { config, log, report } = options;
  const stored = options.services.filter((service) => service.migrations !== undefined);
  const shared = stored.some((service) => !config.serviceDatabaseUrls.has(service.name));
  const opened: Database[] = [];
  let postgres: EmbeddedPostgres | undefined;
  const closeAll = async (): Promise<void> => {
    await Promise.all(opened.map((database) => database.close()));
    await postgres?.stop();
  };
  try {
    if (shared && config.databaseUrl === undefined) {
      postgres = await report('PostgreSQL', () => startPostgres(options), describePostgres);
    }
    const adminUrl = config.databaseUrl ?? postgres?.adminUrl;
    const urls = await report(
      'Migrations',
      () => migrateAll(stored, config, adminUrl),
      ({ files }) => `${stored.length} services, ${files} files`,
    );
    const byService = new Map<string, ServiceDatabase>();
    await Promise.all(
      [...urls.byService].map(async ([service, url]) => {
        const shape = { service, url, log, ...(options.observer === undefined ? {} : { observer: options.observer }) };
        const main = await openDatabase({ ...shape, maxConnections: config.maxConnections });
        opened.push(main);
        const pipeline = await openDatabase({
          ...shape,
          maxConnections: PIPELINE_CONNECTIONS,
          idleInTransactionTimeoutMs: PIPELINE_IDLE_IN_TRANSACTION_MS,
        });
        opened.push(pipeline);
        byService.set(service, { main, pipeline });
      }),
    );
    return { byService, postgres, adminUrl, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function startPostgres({ config, log }: OpenDatabasesOptions): Promise<EmbeddedPostgres> {
  return superviseEmbeddedPostgres({ directory: config.dataDirectory, port: config.embeddedPostgres.port, log });
}

function describePostgres(postgres: EmbeddedPostgres): string {
  const where = postgres.location === undefined ? '' : `, ${postgres.location}`;
  const adopted = postgres.adopted ? ', already running' : '';
  return `${postgres.version} (embedded) on 127.0.0.1:${postgres.port}${adopted}${where}`;
}

async function migrateAll(
  services: readonly ServiceDefinition[],
  config: PlatformConfig,
  adminUrl: string | undefined,
): Promise<{ byService: ReadonlyMap<string, string>; files: number }> {
  const byService = new Map<string, string>();
  let files = 0;
  await Promise.all(
    services.map(async ({ name, migrations }) => {
      const url = config.serviceDatabaseUrls.get(name) ?? (await provisionDatabase(adminUrl as string, name));
      const states = await migrateUp(url, migrationSources(name, migrations));
      files += states.length;
      byService.set(name, url);
    }),
  );
  return { byService, files };
}
