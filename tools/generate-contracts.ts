// Makes the code in `contracts/gen` out of `contracts/proto`: every message and service, the event catalogue, and the
// comments for the API documentation.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { file_buf_validate_validate } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { printCatalogue } from './print-catalogue.ts';
import { printDocs } from './print-docs.ts';
import { printProto } from './print-proto.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const contracts = join(root, 'contracts');

/** Puts the source of the validation rules where buf finds it (ignored by git). */
export function writeThirdParty(): void {
  const path = join(contracts, 'third-party/buf/validate/validate.proto');
  const source = printProto(file_buf_validate_validate);
  if (existsSync(path) && readFileSync(path, 'utf8') === source) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, source);
}

/** @returns the text of every generated file by its path from the root. The tree stays as it is. */
export async function generateContracts(): Promise<Map<string, string>> {
  writeThirdParty();
  mkdirSync(join(root, '.cache'), { recursive: true });
  const output = mkdtempSync(join(root, '.cache/contracts-'));
  try {
    const bin = join(root, 'node_modules/.bin');
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };
    execFileSync(join(bin, 'buf'), ['generate', '--output', output], { cwd: contracts, stdio: 'inherit', env });
    const set = join(output, 'set.binpb');
    execFileSync(join(bin, 'buf'), ['build', '--as-file-descriptor-set', '-o', set], {
      cwd: contracts,
      stdio: 'inherit',
      env,
    });
    const docs = printDocs(readFileSync(set));
    const gen = join(output, 'gen');
    const made = filesBelow(gen).map((path) => [`contracts/gen/${slashed(relative(gen, path))}`, read(path)] as const);
    const events = await printCatalogue(gen);
    return new Map([...made, ['contracts/gen/events.ts', events], ['contracts/gen/docs.ts', docs]]);
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

/** Files that are on disk in `contracts/gen`, by their path from the root. */
export function generatedContracts(): string[] {
  return filesBelow(join(contracts, 'gen')).map((path) => slashed(relative(root, path)));
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const read = (path: string): string => readFileSync(path, 'utf8');
const slashed = (path: string): string => path.split(sep).join('/');

if (process.argv.includes('--third-party')) writeThirdParty();
