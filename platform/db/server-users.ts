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

/** Removes the registrations of the dead. @returns the process ids of the users that are left. */
export function listUsers(runFolder: string): number[] {
  const users: number[] = [];
  for (const name of readdirSync(runFolder).filter((file) => file.startsWith(PREFIX))) {
    const path = join(runFolder, name);
    const pid = readLiveUser(path);
    if (pid === undefined) rmSync(path, { force: true });
    else users.push(pid);
  }
  return users;
}

function readLiveUser(path: string): number | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; started: string };
    return isProcessAlive(pid) && processStart(pid) === started ? pid : undefined;
  } catch {
    return undefined;
  }
}
