// Deletes all data: the embedded database with its folder, or what lies in the databases that were given.
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import { confirm } from '../confirm.ts';
import { Failure } from '../failure.ts';
import { findRuns } from '../run-registration.ts';
import { loadSettings } from '../settings.ts';

export function register(reset: Command): void {
  withExamples(reset, ['tradepost reset', 'tradepost reset --yes']);
  reset.option('-y, --yes', 'do not ask').action(async (options: { yes?: boolean }, command: Command) => {
    const { config, services } = await loadSettings(command);
    const [run] = findRuns(config.dataDirectory);
    if (run !== undefined) {
      const message = `Tradepost runs on ${config.dataDirectory} (process ${run.pid})`;
      throw new Failure('running', message, { fix: 'stop it first, with Ctrl-C' });
    }
    const embedded = config.databaseUrl === undefined && config.serviceDatabaseUrls.size === 0;
    const output = outputOf(command);
    if (!embedded) {
      await confirm('All data in the databases of all services is deleted.', options.yes === true);
      const [{ resetDatabase }, { withServiceDatabases }] = await Promise.all([
        import('@tradepost/platform/db'),
        import('../service-databases.ts'),
      ]);
      await withServiceDatabases(config, services, async (databases) => {
        for (const { url, sources } of databases) await resetDatabase(url, sources);
      });
      output.say('All data was deleted; the tables are as new.');
      return;
    }
    await confirm(`All data in ${config.dataDirectory} is deleted.`, options.yes === true);
    const [{ removeEmbeddedPostgres }, { existsSync, rmSync }] = await Promise.all([
      import('@tradepost/platform/db'),
      import('node:fs'),
    ]);
    if (existsSync(config.dataDirectory)) await removeEmbeddedPostgres(config.dataDirectory);
    rmSync(config.dataDirectory, { recursive: true, force: true });
    output.say(`${config.dataDirectory} was deleted.`);
  });
}
