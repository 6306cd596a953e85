// The server process itself: what its pid file says, whether that is true, starting and stopping it.
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, closeSync, existsSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isProcessAlive, processCommand } from './process-facts.ts';
import type { ServerPlace } from './server-binaries.ts';

const POLL_MS = 15;
const LARGEST_LOG_BYTES = 10_000_000;

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** `ready` once it takes connections. */
  readonly status: string;
  /** Its command line names this data folder. False where command lines cannot be read: only connecting tells then. */
  readonly verified: boolean;
}

/** @returns what the pid file says, unless that process is dead or another program by now. */
export function findPostmaster(data: string): Postmaster | undefined {
  const lines = readPidFile(data);
  const pid = Number(lines?.[0]);
  if (lines === undefined || !Number.isInteger(pid) || pid <= 0 || !isProcessAlive(pid)) return undefined;
  const command = processCommand(pid);
  const verified = command.includes('postgres') && command.includes(data);
  if (command !== '' && !verified) return undefined;
  return { pid, port: Number(lines[3] ?? 0), status: (lines[7] ?? '').trim(), verified };
}

/**
 * Callers have found no postmaster. PostgreSQL judges a left pid file by itself, except that it refuses to start while
 * the pid exists at all: as another program by now, or as a zombie that nobody has reaped. Then the pid is replaced by
 * one that has ended, and the rest of the file stays: by it PostgreSQL sees whether orphans still use the data.
 * @returns whether there was a file, which an orderly stop removes.
 */
export function clearPidFile(data: string): boolean {
  const lines = readPidFile(data);
  if (lines === undefined) return false;
  if (!hasPid(Number(lines[0]))) return true;
  const path = join(data, 'postmaster.pid');
  const ended = spawnSync(process.execPath, ['--version'], { stdio: 'ignore' }).pid;
  writeFileSync(`${path}.new`, [String(ended), ...lines.slice(1)].join('\n'), { mode: statSync(path).mode });
  keepOwner(path, `${path}.new`);
  renameSync(`${path}.new`, path);
  return true;
}

function hasPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function keepOwner(path: string, copy: string): void {
  const { uid, gid } = statSync(path);
  if (process.getuid?.() === 0) chownSync(copy, uid, gid);
}

function readPidFile(data: string): string[] | undefined {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
}

export interface StartRequest {
  readonly place: ServerPlace;
  readonly logFile: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/**
 * Starts a server that outlives this process and no signal of this terminal reaches.
 * @throws an Error without a sentence for a person: the caller reads the log.
 */
export async function spawnPostmaster(request: StartRequest): Promise<Postmaster> {
  const { place, logFile, port, settings, timeoutMs } = request;
  rotate(logFile);
  const log = openSync(logFile, 'a', 0o600);
  const flags = Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const child = spawn(join(place.native, 'bin', 'postgres'), ['-D', place.data, ...flags], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: place.data,
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' },
    ...(place.uid === undefined ? {} : { uid: place.uid, gid: place.gid }),
  });
  closeSync(log);
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = `ended with ${signal ?? `code ${code}`}`));
  child.unref();
  const giveUpMs = performance.now() + timeoutMs;
  for (;;) {
    const found = findPostmaster(place.data);
    if (found?.status === 'ready' && found.pid === child.pid) {
      child.removeAllListeners();
      return found;
    }
    if (ended !== undefined) throw new Error(ended);
    if (performance.now() > giveUpMs) {
      child.kill('SIGQUIT');
      throw new Error(`not ready after ${timeoutMs} ms`);
    }
    await sleep(POLL_MS);
  }
}

/** Fast shutdown: open transactions are rolled back, everything committed is on disk. Resolves when it is gone. */
export async function stopPostmaster(data: string, timeoutMs: number): Promise<void> {
  const running = findPostmaster(data);
  if (running === undefined) return;
  signal(running.pid, 'SIGINT');
  const immediateMs = performance.now() + timeoutMs;
  let immediate = false;
  while (isProcessAlive(running.pid)) {
    if (!immediate && performance.now() > immediateMs) {
      immediate = true;
      signal(running.pid, 'SIGQUIT');
    }
    await sleep(POLL_MS);
  }
}

export function signal(pid: number, name: 'SIGINT' | 'SIGQUIT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function rotate(logFile: string): void {
  if (existsSync(logFile) && statSync(logFile).size > LARGEST_LOG_BYTES) renameSync(logFile, `${logFile}.1`);
}
