// The tradepost command: finds the verb, runs it, and ends with a failure's exit code.
import { EXIT, failureOf } from './failure.ts';
import { createOutput } from './output.ts';
import { buildProgram, CommanderError, failureOfCommander, formatOf, wantedVerb } from './program.ts';

async function main(argv: readonly string[]): Promise<number> {
  const verb = wantedVerb(argv);
  // Completion speaks of all verbs.
  const program = await buildProgram(verb === 'completion' ? '*' : verb);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    const failure = error instanceof CommanderError ? failureOfCommander(error, program, argv) : failureOf(error);
    if (failure === undefined) return error instanceof CommanderError && error.exitCode !== 0 ? EXIT.usage : EXIT.ok;
    createOutput(formatOf(argv)).failure(failure);
    if (process.env.TRADEPOST_STACK === '1') console.error(failure.cause ?? failure);
    return failure.exitCode;
  }
}

// `tradepost events tail | head` closes the pipe: that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
