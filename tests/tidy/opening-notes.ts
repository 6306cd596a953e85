// Every source file opens with one to five lines: what it owns, what must stay true. An index, a test and generated
// code need none.
import { type Fault, isCode, type Rule } from './repository.ts';

const MAX_LINES = 5;
const NO_NOTE_NEEDED = /\/index\.ts$|^contracts\/gen\//;

export const openingNotes: Rule = {
  name: 'every file opens with a note of one to five lines',
  check: ({ files }): Fault[] =>
    files
      .filter(({ path }) => isCode(path) && !/\.(test|crash)\.ts$/.test(path) && !NO_NOTE_NEEDED.test(path))
      .flatMap(({ path, text }) => {
        const first = text.replace(/^#!.*\n/, '').split('\n');
        const lines = first.findIndex((line) => !line.startsWith('//'));
        const note = first.slice(0, lines < 0 ? first.length : lines).filter((line) => line !== '//').length;
        if (note === 0) return [{ path, line: 1, says: 'say at the top what it owns and what must stay true' }];
        return note > MAX_LINES ? [{ path, line: 1, says: `${note} lines of note, at most ${MAX_LINES}` }] : [];
      }),
};
