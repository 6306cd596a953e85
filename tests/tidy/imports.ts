// What a file imports, found without a parser: the statements of the skeleton, the specifiers of the text.
import { posix } from 'node:path';
import { lineAt, type SourceFile } from './repository.ts';

export interface Import {
  readonly specifier: string;
  /** Path from the root for a relative import; `undefined` for a package. */
  readonly path: string | undefined;
  readonly typeOnly: boolean;
  readonly line: number;
}

const FROM = /\b(import|export)\b(\s+type\b)?(?:[^'";()]*?\bfrom\b)?\s*(['"])/g;
const DYNAMIC = /\bimport\s*\(\s*(['"])/g;

export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  const add = (quoteAt: number, typeOnly: boolean): void => {
    const quote = file.text[quoteAt] as string;
    const specifier = file.text.slice(quoteAt + 1, file.text.indexOf(quote, quoteAt + 1));
    const relative = specifier.startsWith('.');
    const path = relative ? posix.normalize(posix.join(posix.dirname(file.path), specifier)) : undefined;
    found.push({ specifier, path, typeOnly, line: lineAt(file.text, quoteAt) });
  };
  for (const match of file.skeleton.matchAll(FROM)) add(match.index + match[0].length - 1, match[2] !== undefined);
  for (const match of file.skeleton.matchAll(DYNAMIC)) add(match.index + match[0].length - 1, false);
  return found;
}
