// Nothing half done lands: no marker of unfinished work, no test that is skipped or runs alone, no empty file.
import { type Fault, findAll, isCode, type Rule } from './repository.ts';

// Written apart, so that this file does not find itself.
const MARKERS = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`, 'g');
const SKIPPED = /\b(it|test|describe|suite)\s*\.\s*(skip|only|todo)\b|[{,]\s*(skip|only|todo)\s*:/g;

export const markers: Rule = {
  name: 'nothing half done lands',
  check: ({ files }): Fault[] => {
    const ours = files.filter(
      ({ path }) => !/^contracts\/(gen|proto\/(google|grpc))\/|^package-lock\.json$/.test(path),
    );
    const tests = ours.filter(({ path }) => isCode(path) && /\.(test|crash)\.ts$/.test(path));
    return [
      ...findAll(ours, MARKERS, ([word]) => `${word}: do it, or open an issue`, 'text'),
      ...findAll(tests, SKIPPED, ([found]) => `${found.trim()}: a test runs, or it is deleted`),
      ...ours
        .filter(({ path, text }) => isCode(path) && text.trim() === '')
        .map(({ path }) => ({ path, says: 'is empty' })),
    ];
  },
};
