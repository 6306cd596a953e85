// Every service looks the same from outside: a page that says what it owns, a table of contents, its settings, and SQL
// only where a reader looks for it.
import { type Fault, isCode, type Repository, type Rule, type SourceFile } from './repository.ts';

const NEEDED = ['README.md', 'service.ts', 'config.ts', 'package.json'];
// A statement at the start of a string; `update` alone is a word.
const SQL = /['"`]\s*(select\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s*\()/gi;

function missing(repository: Repository): Fault[] {
  const names = new Set(repository.files.flatMap(({ path }) => /^services\/([^/]+)\//.exec(path)?.[1] ?? []));
  return [...names].flatMap((name) =>
    NEEDED.map((file) => `services/${name}/${file}`)
      .filter((path) => !repository.has(path))
      .map((path) => ({ path, says: 'every service has one' })),
  );
}

const mayHoldSql = ({ path }: SourceFile): boolean => /\/(store|migrations)\/|store\.ts$|\.test\.ts$/.test(path);

export const services: Rule = {
  name: 'services have the same files, and SQL only in their store',
  check: (repository): Fault[] => {
    const code = repository.files.filter((file) => /^services\//.test(file.path) && isCode(file.path));
    const sql = code
      .filter((file) => !mayHoldSql(file))
      .flatMap(({ path, text }) =>
        [...text.matchAll(SQL)].map((match) => ({
          path,
          line: text.slice(0, match.index).split('\n').length,
          says: 'SQL belongs in store/',
        })),
      );
    return [...missing(repository), ...sql];
  },
};
