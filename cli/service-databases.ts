// The databases of services, for work on them without starting the services: the embedded server is started for it, or
// taken as it runs.
import type { PlatformConfig } from '@tradepost/platform/config';
import type { MigrationSource } from '@tradepost/platform/db';
import type { ServiceDefinition } from '@tradepost/platform/service';

export interface ServiceDatabaseUrl {
  readonly service: string;
  readonly url: string;
  /** The platform's migrations, then the service's own. */
  readonly sources: readonly MigrationSource[];
}

export async function withServiceDatabases<T>(
  config: PlatformConfig,
  services: readonly ServiceDefinition[],
  work: (databases: readonly ServiceDatabaseUrl[]) => Promise<T>,
): Promise<T> {
  const [{ migrationSources, provisionDatabase, startEmbeddedPostgres }, { createLogger }] = await Promise.all([
    import('@tradepost/platform/db'),
    import('@tradepost/platform/telemetry'),
  ]);
  const stored = services.filter(({ migrations }) => migrations !== undefined);
  const log = createLogger({ level: 'warn' });
  const shared = stored.some(({ name }) => !config.serviceDatabaseUrls.has(name));
  const embedded =
    shared && config.databaseUrl === undefined
      ? await startEmbeddedPostgres({ directory: config.dataDirectory, port: config.embeddedPostgres.port, log })
      : undefined;
  try {
    const adminUrl = config.databaseUrl ?? embedded?.adminUrl;
    const databases: ServiceDatabaseUrl[] = [];
    for (const { name, migrations } of stored) {
      const url = config.serviceDatabaseUrls.get(name) ?? (await provisionDatabase(adminUrl as string, name));
      databases.push({ service: name, url, sources: migrationSources(name, migrations) });
    }
    return await work(databases);
  } finally {
    await embedded?.stop();
  }
}
