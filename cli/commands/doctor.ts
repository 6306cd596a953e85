// Looks for what keeps Tradepost from starting, and says what to do about each.
import type { Command } from 'commander';
import type { Check } from '../checks.ts';
import { outputOf, withExamples } from '../command-options.ts';
import { EXIT } from '../failure.ts';
import type { Shape } from '../output.ts';

const MARKS = { good: '✔', warning: '!', bad: '✖' } as const;

const shape: Shape<Check> = {
  columns: [
    { title: '', value: ({ state }) => MARKS[state] },
    { title: 'check', value: ({ name }) => name },
    { title: 'finding', value: ({ finding }) => finding },
    { title: 'fix', value: ({ fix }) => fix },
  ],
  json: (check) => check,
};

export function register(doctor: Command): void {
  withExamples(doctor, [
    'tradepost doctor',
    'DATABASE_URL=postgres://… tradepost doctor     also prints the SQL that is missing there',
  ]);
  doctor.action(async (_options, command: Command) => {
    const { runChecks } = await import('../checks.ts');
    const checks = await runChecks(command);
    outputOf(command).list(shape, checks, '');
    if (checks.some(({ state }) => state === 'bad')) process.exitCode = EXIT.failed;
  });
}
