// Commands that a document names exist: verbs of the command line, scripts of package.json.
import { type Fault, findAll, type Rule } from './repository.ts';

const TRADEPOST = /(?<=`|^|'|npx )tradepost ([a-z][a-z-]+)/gm;
const NPM_SCRIPT = /\bnpm run (?:--silent )?([a-z][\w:-]+)/g;

export const commands: Rule = {
  name: 'commands that the documents name exist',
  check: ({ files }): Fault[] => {
    const textOf = (path: string): string => files.find((file) => file.path === path)?.text ?? '';
    const verbs = new Set([...textOf('cli/verbs.ts').matchAll(/\bname: '([a-z-]+)'/g)].map((match) => match[1]));
    const { scripts = {} } = JSON.parse(textOf('package.json') || '{}') as { scripts?: Record<string, string> };
    const documents = files.filter(({ path }) => path.endsWith('.md'));
    const unknown = (pattern: RegExp, isKnown: (name: string) => boolean, what: string): Fault[] =>
      findAll(
        documents,
        pattern,
        (match) => (isKnown(match[1] as string) ? '' : `${match[0]}: ${what}`),
        'text',
      ).filter(({ says }) => says !== '');
    return [
      ...unknown(TRADEPOST, (name) => verbs.has(name), 'the command line has no such verb'),
      ...unknown(NPM_SCRIPT, (name) => Object.hasOwn(scripts, name), 'package.json has no such script'),
    ];
  },
};
