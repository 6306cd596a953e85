import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readCursorSecret } from './cursor-secret.ts';

const directory = mkdtempSync(join(tmpdir(), 'cursor-secret-'));

after(() => rmSync(directory, { recursive: true, force: true }));

test('the secret is made in a folder that is not there yet, for its owner alone, and stays the same', () => {
  const data = join(directory, 'deep', 'data');
  const secret = readCursorSecret(data, undefined);
  assert.match(secret, /^[\w-]{43}$/);
  assert.equal(readCursorSecret(data, undefined), secret);
  assert.deepEqual(readdirSync(data), ['cursor-secret']);
  assert.equal(statSync(join(data, 'cursor-secret')).mode & 0o777, 0o600);
});

test('processes that start at once agree on one secret', async () => {
  const data = join(directory, 'shared');
  const source = new URL('./cursor-secret.ts', import.meta.url);
  const script = `const { readCursorSecret } = await import(${JSON.stringify(source)});
    process.stdout.write(readCursorSecret(${JSON.stringify(data)}, undefined));`;
  const secrets = await Promise.all(Array.from({ length: 4 }, () => outputOf(script)));
  assert.equal(secrets[0]?.length, 43);
  assert.deepEqual(new Set(secrets).size, 1);
});

test('a secret that was configured is used, and nothing is written', () => {
  const data = join(directory, 'unused');
  assert.equal(readCursorSecret(data, 'of several hosts'), 'of several hosts');
  assert.equal(existsSync(data), false);
});

test('an empty secret is refused with what to do', () => {
  const path = join(directory, 'cursor-secret');
  writeFileSync(path, '');
  assert.throws(() => readCursorSecret(directory, undefined), {
    message: `${path} is empty: delete it, then start again.`,
  });
});

function outputOf(script: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => child.on('close', () => resolve(output)));
}
