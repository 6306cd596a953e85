// A refusal's code comes out of a catalogue, and the catalogues make `docs/errors.md`: so every code is documented.
import { type Fault, isCode, isTest, lineAt, type Rule } from './repository.ts';

// A code that arrives over the wire is a variable, not a literal.
const MADE_BY_HAND = /\bnew Refusal\s*\(\s*['"`]/g;

export const refusalCodes: Rule = {
  name: 'every refusal comes out of a catalogue',
  check: ({ files }): Fault[] =>
    files
      .filter(({ path }) => isCode(path) && !isTest(path) && !path.startsWith('platform/errors/'))
      .flatMap(({ path, text, skeleton }) =>
        [...skeleton.matchAll(MADE_BY_HAND)].map((match) => ({
          path,
          line: lineAt(text, match.index),
          says: 'declare the refusal in a catalogue (defineRefusals in a …refusals.ts) and take it from there',
        })),
      ),
};
