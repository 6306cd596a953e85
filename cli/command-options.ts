// What every command shares: the options that are taken in any place, examples first in its help, its output.
import { type Command, Option } from 'commander';
import { createOutput, type Output, type OutputFormat } from './output.ts';

/** Options that every command takes, before or after its name. */
export interface GlobalOptions {
  readonly output?: OutputFormat;
  readonly url?: string;
  readonly apiKey?: string;
  readonly data?: string;
  readonly config?: string;
}

export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('before', `Examples:\n${examples.map((line) => `  $ ${line}`).join('\n')}\n`);
}

export function addGlobalOptions(command: Command): Command {
  return command
    .addOption(new Option('-o, --output <format>', 'how results are shown').choices(['table', 'json', 'ndjson']))
    .option('--url <host:port>', 'gRPC address of the process to talk to (TRADEPOST_URL)')
    .option('--api-key <key>', 'key of a feed (API_KEY)')
    .option('--data <folder>', 'data directory of the process to talk to (TRADEPOST_DATA)')
    .option('--config <file>', 'configuration file (TRADEPOST_CONFIG)');
}

export function globalOptions(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
}

export function outputOf(command: Command): Output {
  return createOutput(globalOptions(command).output ?? 'table');
}
