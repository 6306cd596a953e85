// Puts services in order whose databases were restored: the log stopped by itself when it noticed.
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import { confirm } from '../confirm.ts';
import type { Shape } from '../output.ts';
import { withServiceDatabases } from '../service-databases.ts';
import { chooseServices, loadSettings } from '../settings.ts';

interface Fixed {
  readonly service: string;
  readonly pending: number;
  readonly incarnation: string;
}

const shape: Shape<Fixed> = {
  columns: [
    { title: 'service', value: ({ service }) => service },
    { title: 'delivered now', value: ({ pending }) => pending, right: true },
    { title: 'incarnation', value: ({ incarnation }) => incarnation },
  ],
  json: (fixed) => fixed,
};

const QUESTION = 'The event log of a restored database begins anew where it ends; its consumers are told.';

export function register(restoreFix: Command): void {
  withExamples(restoreFix, ['tradepost restore-fix score', 'tradepost restore-fix score user --yes']);
  restoreFix
    .argument('<services...>', 'whose databases were restored')
    .option('-y, --yes', 'do not ask')
    .action(async (names: string[], options: { yes?: boolean }, command: Command) => {
      const { config, services } = await loadSettings(command);
      const chosen = chooseServices(services, names);
      await confirm(QUESTION, options.yes === true);
      const [{ restoreFix: fix }, { openDatabase }, { createLogger }] = await Promise.all([
        import('@tradepost/platform/events'),
        import('@tradepost/platform/db'),
        import('@tradepost/platform/telemetry'),
      ]);
      const log = createLogger({ level: 'warn' });
      await withServiceDatabases(config, chosen, async (databases) => {
        const rows: Fixed[] = [];
        for (const { service, url } of databases) {
          const database = await openDatabase({ service, url, log, maxConnections: 2 });
          try {
            rows.push({ service, ...(await fix(database)) });
          } finally {
            await database.close();
          }
        }
        outputOf(command).list(shape, rows, 'None of these has a database.');
      });
    });
}
