// Which processes use the embedded server: one file each in the run folder, worth nothing once its process is dead.
// The last user stops the server. Callers hold the process lock.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isProcessAlive, processStart } from './process-facts.ts';

const PREFIX = 'postgres-user-';

/** Registers this process. @returns what removes the registration, also from an `exit` handler. */
export function registerUser(runFolder: string, name: string): () => void {
  mkdirSync(runFolder, { recursive: true });
  const path = join(runFolder, `${PREFIX}${process.pid}-${name}`);
  writeFileSync(path, JSON.stringify({ pid: process.pid, started: processStart(process.pid) }));
  return () => rmSync(path, { force: true });
}

/** Removes the registrations of the dead. @returns how many users are left. */
export function countUsers(runFolder: string): number {
  let alive = 0;
  for (const name of readdirSync(runFolder).filter((file) => file.startsWith(PREFIX))) {
    const path = join(runFolder, name);
    if (isUserAlive(path)) alive += 1;
    else rmSync(path, { force: true });
  }
  return alive;
}

function isUserAlive(path: string): boolean {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; started: string };
    return isProcessAlive(pid) && processStart(pid) === started;
  } catch {
    return false;
  }
}
