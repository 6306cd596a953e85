// Runs every script of package.json whose name starts with `check:`, two at a time, and says which failed. The output
// of a check is shown only when it fails.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: string;
}

const PARALLEL = 2;
const LIMIT_MS = 300_000;
const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { scripts: Record<string, string> };
const wanted = process.argv.slice(2);
const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}` };

/** Runs one script as npm would: in a shell, from the root, with the tools of `node_modules/.bin`. */
function runScript(name: string, command: string): Promise<Outcome> {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, { cwd: root, env, shell: true, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      resolve({ name, ok: code === 0, output: Buffer.concat(chunks).toString(), seconds });
    });
  });
}

async function checkAll(): Promise<number> {
  const queue = Object.entries(manifest.scripts).filter(
    ([name]) => name.startsWith('check:') && (wanted.length === 0 || wanted.includes(name.slice('check:'.length))),
  );
  const failed: Outcome[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const outcome = await runScript(...next);
      console.log(`${outcome.ok ? '✔' : '✖'} ${outcome.name.padEnd(18)} ${outcome.seconds} s`);
      if (!outcome.ok) failed.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  for (const { name, output } of failed) console.log(`\n── npm run ${name}\n${output.trimEnd()}`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await checkAll();
