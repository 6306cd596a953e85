// The configuration as a process started here would have it.
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import type { Shape } from '../output.ts';
import { loadSettings, splitArguments } from '../settings.ts';

interface Row {
  readonly key: string;
  readonly value: string;
  readonly source: string;
}

const shape: Shape<Row> = {
  columns: [
    { title: 'key', value: ({ key }) => key },
    { title: 'value', value: ({ value }) => value, most: 60 },
    { title: 'source', value: ({ source }) => source },
  ],
  json: (row) => row,
};

export function register(config: Command): void {
  withExamples(config, [
    'tradepost config print',
    'tradepost config print --set                     only what somebody set',
    'tradepost config check --config tradepost.yaml',
    'HTTP_PORT=9000 tradepost config print --log-level debug',
  ]);
  config
    .command('print [settings...]')
    .description('every setting with its value and where it came from; secrets are hidden')
    .option('--set', 'only what somebody set')
    .allowUnknownOption()
    .action(async (args: string[], options: { set?: boolean }, command: Command) => {
      const { words, flags } = splitArguments(args);
      const { config: loaded } = await loadSettings(command, flags);
      const { shownEntry } = await import('@tradepost/platform/config');
      const rows = loaded.loaded.entries
        .map(shownEntry)
        .filter(({ source }) => options.set !== true || source !== 'default')
        .filter(({ key }) => words.length === 0 || words.some((word) => key === word || key.startsWith(`${word}.`)));
      const output = outputOf(command);
      output.list(shape, rows, 'Nothing is set: all settings have their defaults.');
      for (const warning of loaded.warnings) output.say(`warning: ${warning}`);
    });
  config
    .command('check [settings...]')
    .description('check the configuration; all faults at once')
    .allowUnknownOption()
    .action(async (args: string[], _options, command: Command) => {
      const { config: loaded } = await loadSettings(command, splitArguments(args).flags);
      const output = outputOf(command);
      const settings = loaded.loaded.entries.length;
      const row = { settings, warnings: loaded.warnings };
      output.one(
        { columns: [{ title: 'configuration', value: () => `good: ${settings} settings` }], json: () => row },
        row,
      );
      for (const warning of loaded.warnings) output.say(`warning: ${warning}`);
    });
}
