// Makes a data folder, whole or not at all: it is built beside its place and renamed. The superuser's password is
// made here and lies in the data folder, which only the server's user may enter.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerPlace } from './server-binaries.ts';

export const SUPERUSER = 'tradepost';
export const PASSWORD_FILE = 'tradepost-password';
/** Major version of the packaged binaries. */
const MAJOR = '18';

/** Callers hold the process lock. @throws an Error with one sentence on what to do. */
export function initCluster(place: ServerPlace, durable: boolean): void {
  if (existsSync(join(place.data, 'PG_VERSION'))) {
    requireSameMajor(place.data);
    return;
  }
  const unfinished = `${place.data}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const passwordFile = `${place.data}.password`;
  writeFileSync(passwordFile, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 });
  if (place.uid !== undefined) {
    chownSync(unfinished, place.uid, place.gid ?? place.uid);
    chownSync(passwordFile, place.uid, place.gid ?? place.uid);
  }
  const run = spawnSync(join(place.native, 'bin', 'initdb'), initArguments(unfinished, passwordFile, durable), {
    encoding: 'utf8',
    cwd: unfinished,
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' },
    ...(place.uid === undefined ? {} : { uid: place.uid, gid: place.gid }),
  });
  if (run.error !== undefined || run.status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    rmSync(passwordFile, { force: true });
    throw new Error(explain(place.data, run.error?.message ?? `${run.stdout}${run.stderr}`), { cause: run.error });
  }
  renameSync(passwordFile, join(unfinished, PASSWORD_FILE));
  renameSync(unfinished, place.data);
}

/** `builtin` C.UTF-8 knows the case of all letters; plain C knows those of ASCII only. */
function initArguments(data: string, passwordFile: string, durable: boolean): string[] {
  return [
    `--pgdata=${data}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(durable ? [] : ['--no-sync']),
  ];
}

function requireSameMajor(data: string): void {
  const found = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  if (found === MAJOR) return;
  throw new Error(
    `The data in ${data} was made by PostgreSQL ${found} and this Tradepost brings ${MAJOR}: ` +
      `dump it with a Tradepost that brings ${found} and restore the dump here, or move the folder away to start empty.`,
  );
}

function explain(data: string, output: string): string {
  const lines = output.trimEnd().split('\n').slice(-10).join('\n');
  if (/No space left on device/i.test(output) || /ENOSPC/.test(output)) {
    return `The disk that should hold ${data} is full: make room, then start again.\n${lines}`;
  }
  return `The database folder ${data} could not be made: see initdb's last lines.\n${lines}`;
}
