// The secret that page cursors are sealed with. One an installation: a cursor that one process gave is good in another.
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param configured is taken as it is: for hosts that share no folder. Without it the secret lies in the data folder,
 * and the first process makes it.
 */
export function readCursorSecret(directory: string, configured: string | undefined): string {
  if (configured !== undefined) return configured;
  const path = join(directory, 'cursor-secret');
  const secret = readIfThere(path) ?? makeSecret(directory, path);
  if (secret === '') throw new Error(`${path} is empty: delete it, then start again.`);
  return secret;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of several processes that make one at once, the first wins; no one ever sees half of it. */
function makeSecret(directory: string, path: string): string {
  mkdirSync(directory, { recursive: true });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(path, 'utf8');
}
