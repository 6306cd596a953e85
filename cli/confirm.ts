// Asks before something is lost: on a terminal only; elsewhere `--yes` is the answer, and without it nothing happens.
import { createInterface } from 'node:readline/promises';
import { EXIT, Failure } from './failure.ts';

export async function confirm(question: string, given: boolean): Promise<void> {
  if (given) return;
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    throw new Failure('not_confirmed', `${question} Nobody can be asked here`, {
      fix: 'add --yes',
      exitCode: EXIT.usage,
    });
  }
  const readline = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await readline.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) {
      throw new Failure('not_confirmed', 'Nothing was done', { exitCode: EXIT.interrupted });
    }
  } finally {
    readline.close();
  }
}
