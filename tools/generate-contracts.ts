// Makes `contracts/gen` from `contracts/proto`: the TypeScript of every message and service, and the event catalogue.
// With `--check`, says what is out of date and leaves the tree as it was.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { file_buf_validate_validate } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { printProto } from './print-proto.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const contracts = join(root, 'contracts');
const gen = join(contracts, 'gen');

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
}

/** Puts the source of the validation rules where buf finds it (ignored by git). */
export function writeThirdParty(): void {
  const source = printProto(file_buf_validate_validate);
  write(join(contracts, 'third-party/buf/validate/validate.proto'), source);
}

export function buf(args: string[]): void {
  const path = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`;
  execFileSync(join(root, 'node_modules/.bin/buf'), args, {
    cwd: contracts,
    stdio: 'inherit',
    env: { ...process.env, PATH: path },
  });
}

async function generate(): Promise<void> {
  writeThirdParty();
  buf(['generate']);
  const { printCatalogue } = await import('./print-catalogue.ts');
  write(join(gen, 'events.ts'), await printCatalogue(gen));
}

function filesBelow(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(folder.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}

async function check(): Promise<number> {
  const before = mkdtempSync(join(root, '.contracts-'));
  try {
    cpSync(gen, before, { recursive: true });
    await generate();
    const was = filesBelow(before);
    const is = filesBelow(gen);
    const stale = [...new Set([...was.keys(), ...is.keys()])].filter((name) => was.get(name) !== is.get(name));
    for (const name of stale) console.error(`contracts/gen/${name} is out of date: run npm run generate`);
    if (stale.length > 0) {
      rmSync(gen, { recursive: true });
      cpSync(before, gen, { recursive: true });
    }
    return stale.length === 0 ? 0 : 1;
  } finally {
    rmSync(before, { recursive: true, force: true });
  }
}

if (process.argv.includes('--check')) process.exitCode = await check();
else await generate();
