// Names say what a thing is. Words that fit anything are refused, each with what to write instead.
import { type Fault, findAll, isCode, type Rule } from './repository.ts';

const FILE_WORDS: Readonly<Record<string, string>> = {
  util: 'name the idea, or put it beside its one caller',
  utils: 'name the idea, or put it beside its one caller',
  helper: 'name what it does',
  helpers: 'name what it does',
  common: 'name the idea that is shared',
  shared: 'name the idea that is shared',
  misc: 'give each thing a file of its own',
  lib: 'name the idea',
  manager: 'name what it does to what',
  base: 'compose instead of inheriting, or name the idea',
  abstract: 'compose instead of inheriting',
  impl: 'name what sets it apart from its siblings',
  stuff: 'name the idea',
  new: 'name what it does',
  old: 'delete it',
  part2: 'split by idea',
};

const IDENTIFIERS: readonly { pattern: RegExp; instead: string }[] = [
  { pattern: /\b(?:interface|type|class)\s+(I[A-Z][a-z]\w*)/g, instead: 'the name without the I' },
  { pattern: /\b(?:class|interface)\s+(\w*(?:Manager|Helper|Util|Utils|Impl))\b/g, instead: 'what it does' },
  { pattern: /\b(?:class|interface)\s+((?:Base|Abstract)[A-Z]\w*)/g, instead: 'composition' },
];

export const words: Rule = {
  name: 'names say what a thing is',
  check: ({ files }): Fault[] => {
    const ours = files.filter(({ path }) => !/^contracts\/(gen|proto)\//.test(path));
    const inPaths = ours.flatMap(({ path }) => {
      const parts = path
        .replace(/\.[^/]*$/, '')
        .split('/')
        .flatMap((part) => [part, ...part.split('-').filter((word) => word !== 'new' && word !== 'old')]);
      const word = parts.find((part) => Object.hasOwn(FILE_WORDS, part.toLowerCase()));
      return word === undefined ? [] : [{ path, says: `"${word}" names nothing: ${FILE_WORDS[word.toLowerCase()]}` }];
    });
    const code = ours.filter(({ path }) => isCode(path));
    const inCode = IDENTIFIERS.flatMap(({ pattern, instead }) =>
      findAll(code, pattern, (match) => `${match[1]} names nothing: write ${instead}`),
    );
    return [...inPaths, ...inCode];
  },
};
