// Traffic of our own making.
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import { withConnection } from '../connect.ts';
import { wholeNumberArgument } from '../parse-argument.ts';

interface LoadScoresOptions {
  readonly users: number;
  readonly events: number;
  readonly rate?: number;
  readonly seed: number;
  readonly wait: number;
}

export function register(load: Command): void {
  withExamples(load, [
    'tradepost load scores --users 1000 --events 100000',
    'tradepost load scores --users 10 --events 600 --rate 10     ten a second, for a minute',
  ]);
  load
    .command('scores')
    .description('send a feed of score events about people who are made when they are missing')
    .option('--users <number>', 'people that the events are about', wholeNumberArgument('--users', 1, 1_000_000), 100)
    .option('--events <number>', 'events in all', wholeNumberArgument('--events', 1, 100_000_000), 10_000)
    .option(
      '--rate <number>',
      'events a second (default: as fast as they are taken)',
      wholeNumberArgument('--rate', 1, 1e6),
    )
    .option('--seed <number>', 'another seed makes another feed', wholeNumberArgument('--seed', 0, 2 ** 31 - 1), 1)
    .option(
      '--wait <seconds>',
      'wait so long for the notifications; 0: not',
      wholeNumberArgument('--wait', 0, 3600),
      60,
    )
    .action(async (options: LoadScoresOptions, command: Command) => {
      const { loadScores } = await import('../imports/load-scores.ts');
      await withConnection(command, (connection) => loadScores({ connection, output: outputOf(command), ...options }));
    });
}
