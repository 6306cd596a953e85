// The command line as a tree of commands. Usage faults become failures like all others.
import { Command, CommanderError } from 'commander';
import { addGlobalOptions, withExamples } from './command-options.ts';
import { type Failure, usageFailure } from './failure.ts';
import type { OutputFormat } from './output.ts';
import { verbs } from './verbs.ts';

const EXAMPLES = [
  'tradepost start                                  start everything',
  'tradepost user create --name Ada --email ada@example.com',
  'tradepost score send --user 1 --change 15        follow one event to its e-mail',
  'tradepost mail ls                                what was sent to whom',
  'tradepost events tail                            what happens, live',
  'tradepost dlq ls                                 what is stuck, and why',
];

const EXIT_CODES = `Exit codes:
  0 done   1 failed   2 wrong use   3 faulty configuration   4 nothing there that answers
  5 not found   6 refused   7 done in part (some lines were refused)   130 interrupted`;

function createProgram(): Command {
  const program = new Command('tradepost')
    .description('An event-driven marketplace backend. One command starts all of it.')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  withExamples(program, EXAMPLES);
  program.addHelpText('after', `\n'tradepost <command> --help' explains a command.\n\n${EXIT_CODES}`);
  return addGlobalOptions(program);
}

/** Subcommands inherit what the root settled; options of the root are taken in any place. */
function settle(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    child.helpCommand(false);
    if (child.commands.length === 0) addMissingGlobals(child);
    settle(child);
  }
}

function addMissingGlobals(command: Command): void {
  const own = new Set(command.options.map((option) => option.long));
  const spare = addGlobalOptions(new Command());
  for (const option of spare.options) if (!own.has(option.long)) command.addOption(option.hideHelp());
}

/** @param wanted the verb to load; the others are names with a summary. `*` loads all. */
export async function buildProgram(wanted: string | undefined): Promise<Command> {
  const program = createProgram();
  for (const verb of verbs) {
    const command = program.command(verb.name).summary(verb.summary).description(verb.summary);
    if (wanted === verb.name || wanted === '*') (await verb.load()).register(command);
  }
  settle(program);
  return program;
}

/** The verb of an argument list: its first word that is no option nor an option's value. */
export function wantedVerb(argv: readonly string[]): string | undefined {
  const takesValue = new Set(['-o', '--output', '--url', '--api-key', '--data', '--config']);
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] as string;
    if (takesValue.has(word)) index += 1;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}

/** The format that failures are shown in, also when the arguments could not be parsed. */
export function formatOf(argv: readonly string[]): OutputFormat {
  const at = argv.findIndex((word) => word === '-o' || word === '--output');
  const given = at >= 0 ? argv[at + 1] : argv.find((word) => word.startsWith('--output='))?.slice('--output='.length);
  return given === 'json' || given === 'ndjson' ? given : 'table';
}

/** @returns undefined when commander only showed help or a version. */
export function failureOfCommander(
  error: CommanderError,
  program: Command,
  argv: readonly string[],
): Failure | undefined {
  if (error.exitCode === 0) return undefined;
  const path = [program.name()];
  const verb = wantedVerb(argv);
  if (verbs.some(({ name }) => name === verb)) path.push(verb as string);
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  // Help was shown already, in place of a message.
  if (error.code === 'commander.help') return undefined;
  return usageFailure(message, `${path.join(' ')} --help`);
}

export { CommanderError };
