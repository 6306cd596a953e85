// Writes everything that is made from the source: `contracts/gen` and the generated pages of `docs`.
// With `--check` it writes nothing, names what is out of date and fails.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateContracts, generatedContracts } from './generate-contracts.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const checkOnly = process.argv.includes('--check');
const stale: string[] = [];

function settle(path: string, text: string): void {
  if (readOrNothing(path) === text) return;
  stale.push(path);
  if (checkOnly) return;
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

const contracts = await generateContracts();
for (const [path, text] of contracts) settle(path, text);
for (const path of generatedContracts().filter((path) => !contracts.has(path))) {
  stale.push(path);
  if (!checkOnly) rmSync(join(root, path));
}
// Loaded only now: the pages are printed from the code that was just written.
const { generateDocs } = await import('./generate-docs.ts');
for (const [path, text] of await generateDocs()) settle(path, text);

for (const path of stale) console.log(checkOnly ? `${path} is out of date: run npm run generate` : `wrote ${path}`);
if (checkOnly && stale.length > 0) process.exitCode = 1;
