// The repository as the rules see it: every text file by its path, in memory, so that a rule can be tried on a fixture.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blankOut } from './skeleton.ts';

export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** The code with comments and the insides of strings blanked out; the same length and the same lines. */
  readonly skeleton: string;
}

export interface Repository {
  readonly files: readonly SourceFile[];
  has(path: string): boolean;
}

export interface Fault {
  readonly path: string;
  /** From 1. */
  readonly line?: number;
  /** What is wrong and what to do instead. */
  readonly says: string;
}

export interface Rule {
  /** A sentence of fact about the repository. */
  readonly name: string;
  readonly check: (repository: Repository) => Fault[] | Promise<Fault[]>;
}

// What git ignores, and what is no text.
const SKIPPED_FOLDERS = new Set(['.git', 'node_modules', '.tradepost', '.cache', 'coverage', 'third-party']);
const TEXT = /(\.(ts|tsx|js|json|md|sql|proto|ya?ml|sh|ndjson|txt)|^\.?[A-Za-z]+|\/(LICENSE|run|Dockerfile))$/;

/** @param files text by path. */
export function repositoryOf(files: Readonly<Record<string, string>>): Repository {
  const paths = new Set<string>();
  for (const path of Object.keys(files)) {
    const parts = path.split('/');
    for (let depth = 1; depth <= parts.length; depth += 1) paths.add(parts.slice(0, depth).join('/'));
  }
  return {
    files: Object.entries(files).map(([path, text]) => sourceFile(path, text)),
    has: (path) => path === '' || paths.has(path.replace(/\/$/, '')),
  };
}

export function readRepository(root: string): Repository {
  const files: Record<string, string> = {};
  for (const path of walk(root, '')) files[path] = TEXT.test(path) ? readFileSync(join(root, path), 'utf8') : '';
  return repositoryOf(files);
}

function* walk(root: string, folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) yield* walk(root, path);
    if (entry.isFile()) yield path;
  }
}

function sourceFile(path: string, text: string): SourceFile {
  let blanked: string | undefined;
  return {
    path,
    text,
    get skeleton(): string {
      blanked ??= blankOut(text);
      return blanked;
    },
  };
}

/** Line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

export const isCode = (path: string): boolean => /\.(ts|tsx)$/.test(path) && !path.startsWith('contracts/gen/');
/** A test, or what only tests use: `test-pipeline.ts`, `transport-suite.ts`, `probe-service.ts`, `torture.ts`. */
export const isTest = (path: string): boolean =>
  /\.(test|crash)\.ts$|\/((test|probe)-[a-z-]+|[a-z-]+-suite|torture)\.ts$/.test(path) || path.startsWith('tests/');

/** Every match of a pattern in the code of the files, as faults; `says` may use the match. */
export function findAll(
  files: readonly SourceFile[],
  pattern: RegExp,
  says: (match: RegExpMatchArray) => string,
  part: 'skeleton' | 'text' = 'skeleton',
): Fault[] {
  return files.flatMap((file) =>
    [...file[part].matchAll(pattern)].map((match) => ({
      path: file.path,
      line: lineAt(file.text, match.index),
      says: says(match),
    })),
  );
}
