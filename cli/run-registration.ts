// What a running process leaves in the data directory, so that the command line finds it: one file per process, worth
// nothing once the process is dead.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RunRegistration {
  readonly pid: number;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly version: string;
  readonly services: readonly string[];
  /** `http://127.0.0.1:8080`; absent when nothing answers. */
  readonly httpUrl?: string;
  /** `127.0.0.1:50051` */
  readonly grpcAddress?: string;
}

const PREFIX = 'tradepost-';

/** @returns what removes the registration; it also goes when the process exits. */
export function registerRun(dataDirectory: string, registration: RunRegistration): () => void {
  const folder = join(dataDirectory, 'run');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${PREFIX}${registration.pid}.json`);
  // Readers never see half a file.
  writeFileSync(`${path}.new`, `${JSON.stringify(registration, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  const remove = (): void => rmSync(path, { force: true });
  process.once('exit', remove);
  return () => {
    process.off('exit', remove);
    remove();
  };
}

/** @returns the living, newest first; registrations of the dead are removed. */
export function findRuns(dataDirectory: string): RunRegistration[] {
  const folder = join(dataDirectory, 'run');
  const found: RunRegistration[] = [];
  for (const name of listFolder(folder).filter((file) => file.startsWith(PREFIX) && file.endsWith('.json'))) {
    const path = join(folder, name);
    const registration = readRegistration(path);
    if (registration !== undefined && isAlive(registration.pid)) found.push(registration);
    else rmSync(path, { force: true });
  }
  return found.sort((left, right) => right.startedAt.localeCompare(left.startedAt));
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readRegistration(path: string): RunRegistration | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RunRegistration;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
