// The PostgreSQL that comes with the npm packages, so that nothing needs to be installed. Several processes share one
// server: the first starts it, the others attach, the last one stops it. Data survives all of them.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../service/index.ts';
import { initCluster, PASSWORD_FILE, SUPERUSER } from './init-cluster.ts';
import type { Postmaster } from './postmaster.ts';
import { clearPidFile, findPostmaster, signal, spawnPostmaster, stopPostmaster } from './postmaster.ts';
import { tryProcessLock, withProcessLock } from './process-lock.ts';
import type { ServerPlace } from './server-binaries.ts';
import { findServerPlace } from './server-binaries.ts';
import { listUsers, registerUser } from './server-users.ts';
import { withConnection } from './single-connection.ts';

const DEFAULT_PORT = 54_329;
const PORTS_TO_TRY = 100;
const LOCK_TIMEOUT_MS = 120_000;
// Recovery after a crash may replay a lot before the server is ready.
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 20_000;
const ADOPTION_POLL_MS = 50;
const ORPHAN_POLL_MS = 200;
const LOG_LINES = 10;

export interface EmbeddedPostgresOptions {
  /** The state folder: data in `postgres`, registrations in `run`, the log in `postgres.log`. */
  readonly directory: string;
  /** First port to try; the next free one is taken. Default 54329. */
  readonly port?: number;
  /** Take that port or none: whoever is connected would not find another. */
  readonly keepPort?: boolean;
  readonly log: Logger;
  /** False for tests: a crash of the machine may lose everything, one of the server nothing. Default true. */
  readonly durable?: boolean;
  /** Further settings of the server, `max_connections` say. They count only for the process that starts it. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** URL of the superuser, database `postgres`. It holds the password. */
  readonly adminUrl: string;
  readonly port: number;
  readonly version: string;
  readonly pid: number;
  /** Whether it ran already. */
  readonly adopted: boolean;
  readonly dataDirectory: string;
  /** A sentence when binaries or data lie elsewhere than in the given folder. */
  readonly location: string | undefined;
  /** Lets go of the server; the last user of all processes stops it and waits for its end. */
  stop(): Promise<void>;
}

let registrations = 0;

/** @throws an Error with one sentence on what to do, and the last lines of the server's log where they help. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = resolve(options.directory);
  try {
    return await startIn(directory, options);
  } catch (error) {
    throw explainFileError(directory, error);
  }
}

/** What the file system refuses, for a person; every other error as it is. */
function explainFileError(directory: string, error: unknown): unknown {
  const facts = error as { code?: string; errcode?: number };
  // SQLite's numbers are those of the lock file.
  if (facts.code === 'ENOSPC' || facts.errcode === 13) {
    return new Error(`The disk that holds ${directory} is full: make room, then start again.`, { cause: error });
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(facts.code ?? '') || [8, 14].includes(facts.errcode ?? 0)) {
    const sentence = `${directory} may not be written by this user: start as the user who made it, or name another folder.`;
    return new Error(sentence, { cause: error });
  }
  return error;
}

async function startIn(directory: string, options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const place = findServerPlace(directory);
  const runFolder = join(directory, 'run');
  const lockFile = join(runFolder, 'postgres.lock');
  return withProcessLock(lockFile, LOCK_TIMEOUT_MS, async () => {
    await initCluster(place, options.durable ?? true);
    const password = readFileSync(join(place.data, PASSWORD_FILE), 'utf8').trim();
    const found = await adopt(place, password);
    const running = found ?? (await start(place, directory, options));
    const adminUrl = urlOf(running.port, password);
    const version = await versionOf(adminUrl);
    registrations += 1;
    const unregister = registerUser(runFolder, String(registrations));
    const facts = { port: running.port, pid: running.pid, version, adopted: found !== undefined };
    options.log.info(facts, found === undefined ? 'PostgreSQL started.' : 'A running PostgreSQL was adopted.');
    if (place.note !== undefined) options.log.info({}, place.note);
    const release = createRelease({ place, runFolder, lockFile, unregister });
    return { adminUrl, ...facts, dataDirectory: place.data, location: place.note, stop: release };
  });
}

interface Holding {
  readonly place: ServerPlace;
  readonly runFolder: string;
  readonly lockFile: string;
  readonly unregister: () => void;
}

function createRelease({ place, runFolder, lockFile, unregister }: Holding): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  // When the process ends without `stop`, there is no time to wait for the server's end, but enough to ask for it.
  const onExit = (): void => {
    const release = tryProcessLock(lockFile, 1_000);
    unregister();
    if (release === undefined) return;
    const running = listUsers(runFolder).length === 0 ? findPostmaster(place.data) : undefined;
    if (running?.verified) signal(running.pid, 'SIGINT');
    release();
  };
  process.once('exit', onExit);
  return () => {
    stopping ??= withProcessLock(lockFile, LOCK_TIMEOUT_MS, async () => {
      process.off('exit', onExit);
      unregister();
      if (listUsers(runFolder).length === 0) await stopPostmaster(place.data, STOP_TIMEOUT_MS);
    });
    return stopping;
  };
}

/**
 * Deletes the data of the embedded server, wherever it lies, and stops a server that a killed process left behind.
 * @throws an Error when a process uses it.
 */
export async function removeEmbeddedPostgres(directory: string): Promise<void> {
  const place = findServerPlace(resolve(directory));
  const runFolder = join(resolve(directory), 'run');
  await withProcessLock(join(runFolder, 'postgres.lock'), LOCK_TIMEOUT_MS, async () => {
    const users = listUsers(runFolder);
    if (users.length > 0) {
      throw new Error(
        `PostgreSQL of ${place.data} is in use by process ${users.join(', ')}: stop that first, then try again.`,
      );
    }
    await stopPostmaster(place.data, STOP_TIMEOUT_MS);
    rmSync(place.data, { recursive: true, force: true });
  });
}

/** Takes over a live postmaster; waits for one that is starting, recovering or stopping to make up its mind. */
async function adopt(place: ServerPlace, password: string): Promise<Postmaster | undefined> {
  const giveUpMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const found = findPostmaster(place.data);
    if (found === undefined) return undefined;
    const answer = found.status === 'ready' ? await dataDirectoryAt(urlOf(found.port, password)) : undefined;
    if (answer === place.data) return found;
    // Nobody answers for a process that could not be looked at: the pid file is a leftover.
    if (!found.verified) return undefined;
    if (performance.now() > giveUpMs) {
      throw new Error(
        `PostgreSQL of ${place.data} runs as process ${found.pid} but does not answer at port ${found.port}: ` +
          `stop it with "kill -INT ${found.pid}", then start again.`,
      );
    }
    await sleep(ADOPTION_POLL_MS);
  }
}

async function dataDirectoryAt(adminUrl: string): Promise<string | undefined> {
  const sql = `select current_setting('data_directory') as directory`;
  try {
    const [row] = await withConnection(adminUrl, (connection) => connection.query<{ directory: string }>(sql));
    return row?.directory;
  } catch {
    return undefined;
  }
}

async function start(place: ServerPlace, directory: string, options: EmbeddedPostgresOptions): Promise<Postmaster> {
  if (clearPidFile(place.data)) {
    options.log.warn({ data: place.data }, 'PostgreSQL had not been stopped in order: it recovers by itself.');
  }
  const logFile = join(directory, 'postgres.log');
  const settings = { ...serverSettings(options.durable ?? true), ...options.settings };
  const giveUpMs = performance.now() + START_TIMEOUT_MS;
  for (let first = options.port ?? DEFAULT_PORT; ; ) {
    const port = options.keepPort ? first : await findFreePort(first);
    try {
      return await spawnPostmaster({ place, logFile, port, settings, timeoutMs: START_TIMEOUT_MS });
    } catch (cause) {
      const lines = lastLines(logFile);
      if (lines.includes('could not create any TCP/IP sockets') && !options.keepPort) {
        // Somebody took the port between the look and the start.
        first = port + 1;
      } else if (lines.includes('pre-existing shared memory block') && performance.now() < giveUpMs) {
        // A statement of a killed server is still at work; it ends with its next look at its parent.
        await sleep(ORPHAN_POLL_MS);
      } else {
        throw new Error(explainFailure(place, logFile, lines, cause), { cause });
      }
    }
  }
}

/** Small at rest: a laptop runs this beside everything else. */
function serverSettings(durable: boolean): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '32MB',
    max_wal_size: '512MB',
    min_wal_size: '80MB',
    wal_buffers: '4MB',
    max_worker_processes: '2',
    max_parallel_workers: '0',
    max_parallel_workers_per_gather: '0',
    max_logical_replication_workers: '0',
    io_method: 'sync',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    // Nothing else is left out for tests: what was committed must survive the kills that they deal out.
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off', max_prepared_transactions: '20' }),
  };
}

async function versionOf(adminUrl: string): Promise<string> {
  const [row] = await withConnection(adminUrl, (connection) =>
    connection.query<{ version: string }>(`select current_setting('server_version') as version`),
  );
  return row?.version ?? '';
}

function urlOf(port: number, password: string): string {
  return `postgresql://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`;
}

async function findFreePort(first: number): Promise<number> {
  for (let port = first; port < first + PORTS_TO_TRY; port += 1) {
    if (await isFree(port)) return port;
  }
  throw new Error(`No port between ${first} and ${first + PORTS_TO_TRY - 1} is free for PostgreSQL: set another one.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((found) => {
    const probe = createServer();
    probe.once('error', () => found(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => found(true)));
  });
}

function lastLines(logFile: string): string {
  if (!existsSync(logFile)) return '';
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES).join('\n');
}

function explainFailure(place: ServerPlace, logFile: string, lines: string, cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const sentence = /No space left on device/i.test(lines)
    ? `The disk that holds ${place.data} is full: make room, then start again; nothing that was committed is lost.`
    : /Permission denied/i.test(lines)
      ? `PostgreSQL may not read or write ${place.data}: give that folder to the user who starts Tradepost.`
      : `PostgreSQL did not start (${reason}): its log, ${logFile}, says why.`;
  return `${sentence}\n${lines}`;
}
