// Migrations by hand. `start` runs what is missing by itself.
import type { MigrationState } from '@tradepost/platform/db';
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import { confirm } from '../confirm.ts';
import { Failure, usageFailure } from '../failure.ts';
import type { Shape } from '../output.ts';
import { wholeNumberArgument } from '../parse-argument.ts';
import { findRuns } from '../run-registration.ts';
import { type ServiceDatabaseUrl, withServiceDatabases } from '../service-databases.ts';
import { chooseServices, loadSettings } from '../settings.ts';

interface Row extends MigrationState {
  readonly service: string;
}

const shape: Shape<Row> = {
  columns: [
    { title: 'service', value: ({ service }) => service },
    { title: 'component', value: ({ component }) => component },
    { title: 'migration', value: ({ name }) => name },
    { title: 'applied', value: ({ appliedAt }) => appliedAt?.toISOString() ?? 'not yet' },
  ],
  json: ({ service, component, number, name, appliedAt }) => ({
    ...{ service, component, number, name },
    applied_at: appliedAt ?? null,
  }),
};

type OnDatabase = (database: ServiceDatabaseUrl) => Promise<readonly MigrationState[]>;

async function onDatabases(command: Command, names: readonly string[], empty: string, work: OnDatabase): Promise<void> {
  const { config, services } = await loadSettings(command);
  const chosen = chooseServices(services, names);
  await withServiceDatabases(config, chosen, async (databases) => {
    const rows: Row[] = [];
    for (const database of databases) {
      for (const state of await work(database)) rows.push({ ...state, service: database.service });
    }
    outputOf(command).list(shape, rows, empty);
  });
}

/** Tables are not taken away from under a running process. */
async function refuseWhileRunning(command: Command): Promise<void> {
  const { config } = await loadSettings(command);
  const [run] = findRuns(config.dataDirectory);
  if (run === undefined) return;
  throw new Failure('running', `Tradepost runs here (process ${run.pid})`, { fix: 'stop it first, with Ctrl-C' });
}

export function register(migrate: Command): void {
  withExamples(migrate, [
    'tradepost migrate status',
    'tradepost migrate up',
    'tradepost migrate down score --steps 1',
    'tradepost migrate new score add-source-of-events',
  ]);
  migrate
    .command('up [services...]')
    .description('apply what is missing')
    .action(async (services: string[], _options, command: Command) => {
      const { migrateUp } = await import('@tradepost/platform/db');
      await onDatabases(command, services, 'Nothing was missing.', ({ url, sources }) => migrateUp(url, sources));
    });
  migrate
    .command('status [services...]')
    .description('what is applied, and what is not')
    .action(async (services: string[], _options, command: Command) => {
      const { migrationStatus } = await import('@tradepost/platform/db');
      await onDatabases(command, services, 'There are none.', ({ url, sources }) => migrationStatus(url, sources));
    });
  registerDown(migrate);
  registerNew(migrate);
}

function registerDown(migrate: Command): void {
  migrate
    .command('down <service>')
    .description("take the last of a service's own migrations back")
    .option('--steps <number>', 'how many', wholeNumberArgument('--steps', 1, 1000), 1)
    .option('-y, --yes', 'do not ask')
    .action(async (service: string, options: { steps: number; yes?: boolean }, command: Command) => {
      const { migrateDown } = await import('@tradepost/platform/db');
      chooseServices((await loadSettings(command)).services, [service]);
      await refuseWhileRunning(command);
      await confirm(
        `The last ${options.steps} migrations of ${service} are taken back, with their data.`,
        options.yes === true,
      );
      await onDatabases(command, [service], 'Nothing was applied.', ({ url, sources }) => {
        const own = sources.at(-1);
        if (own === undefined) throw usageFailure(`${service} has no migrations`);
        return migrateDown(url, own, options.steps);
      });
    });
  migrate
    .command('reset [services...]')
    .description('drop everything in the databases, then migrate up')
    .option('-y, --yes', 'do not ask')
    .action(async (services: string[], options: { yes?: boolean }, command: Command) => {
      const { resetDatabase } = await import('@tradepost/platform/db');
      await refuseWhileRunning(command);
      const whose = services.length === 0 ? 'all services' : services.join(', ');
      await confirm(`All data of ${whose} is deleted.`, options.yes === true);
      await onDatabases(command, services, 'There are none.', ({ url, sources }) => resetDatabase(url, sources));
    });
}

function registerNew(migrate: Command): void {
  migrate
    .command('new <service> <name>')
    .description('write an empty migration, numbered')
    .action(async (service: string, name: string, _options, command: Command) => {
      const [{ newMigration }, { topology }] = await Promise.all([
        import('@tradepost/platform/db'),
        import('@tradepost/deploy'),
      ]);
      const [found] = chooseServices(
        topology.map((placement) => placement.service),
        [service],
      );
      if (found?.migrations === undefined) throw usageFailure(`${service} has no database`);
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) throw usageFailure('a name is lower case words with dashes');
      const path = newMigration(found.migrations, name);
      outputOf(command).one({ columns: [{ title: 'wrote', value: () => path }], json: () => ({ path }) }, path);
    });
}
