// The checks of `doctor`. Each looks at one thing and changes nothing.
import { accessSync, constants, existsSync, mkdirSync, rmdirSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import type { PlatformConfig, PortSetting } from '@tradepost/platform/config';
import type { Command } from 'commander';
import { failureOf } from './failure.ts';
import { findRuns } from './run-registration.ts';
import { loadSettings } from './settings.ts';

export interface Check {
  readonly name: string;
  readonly state: 'good' | 'warning' | 'bad';
  readonly finding: string;
  readonly fix: string;
}

const OLDEST_NODE = 26;
const LEAST_FREE = 512 * 1024 ** 2;

const good = (name: string, finding: string): Check => ({ name, state: 'good', finding, fix: '' });
const warning = (name: string, finding: string, fix: string): Check => ({ name, state: 'warning', finding, fix });
const bad = (name: string, finding: string, fix: string): Check => ({ name, state: 'bad', finding, fix });

export async function runChecks(command: Command): Promise<Check[]> {
  const checks = [checkNode()];
  let config: PlatformConfig;
  try {
    ({ config } = await loadSettings(command));
  } catch (error) {
    const { message, fix = '' } = failureOf(error);
    return [...checks, bad('configuration', message.replaceAll(/\s+/g, ' '), fix.replaceAll(/\s+/g, ' '))];
  }
  const settings = config.loaded.entries.filter(({ source }) => source !== 'default').length;
  checks.push(good('configuration', `${settings} settings are set, all are valid`));
  for (const text of config.warnings) checks.push(warning('configuration', text, 'remove it'));
  checks.push(checkFolder(config.dataDirectory), checkDisk(config.dataDirectory), checkRun(config));
  const running = findRuns(config.dataDirectory).length > 0;
  for (const [name, port] of [['REST', config.http] as const, ['gRPC', config.grpc] as const]) {
    if (!running) checks.push(await checkPort(`${name} port`, port, config.host));
  }
  return [...checks, ...(await checkPostgres(config))];
}

function checkNode(): Check {
  const version = process.versions.node;
  const fine = Number(version.split('.')[0]) >= OLDEST_NODE;
  return fine ? good('node', version) : bad('node', version, `npm ci brings Node ${OLDEST_NODE} along`);
}

function nearestFolder(path: string): string {
  let folder = resolve(path);
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

function checkFolder(directory: string): Check {
  const folder = nearestFolder(directory);
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    // Root may do everything, also on a disk that takes nothing: only a write tells.
    const probe = resolve(folder, `.tradepost-probe-${process.pid}`);
    mkdirSync(probe);
    rmdirSync(probe);
    return good('data directory', resolve(directory));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return bad(
      'data directory',
      `${folder} cannot be written (${code})`,
      'choose another with --data or TRADEPOST_DATA',
    );
  }
}

function checkDisk(directory: string): Check {
  const { bavail, bsize } = statfsSync(nearestFolder(directory));
  const free = bavail * bsize;
  const text = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  return free >= LEAST_FREE
    ? good('disk', text)
    : bad('disk', text, 'make room: PostgreSQL needs half a GiB to breathe');
}

function checkRun(config: PlatformConfig): Check {
  const [run] = findRuns(config.dataDirectory);
  if (run === undefined) return good('running', 'nothing runs on this data directory');
  return good('running', `process ${run.pid} at ${run.httpUrl ?? run.grpcAddress ?? 'no port'}`);
}

function checkPort(name: string, { port, fixed }: PortSetting, host: string): Promise<Check> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const finding = `${host}:${port} ${error.code === 'EADDRINUSE' ? 'is busy' : `cannot be opened (${error.code})`}`;
      if (fixed) done(bad(name, finding, 'stop what uses it, or set another port'));
      else done(warning(name, finding, 'none needed: the next free one is taken'));
    });
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => done(good(name, `${host}:${port} is free`))));
  });
}

async function checkPostgres(config: PlatformConfig): Promise<Check[]> {
  const { findServerPlace } = await import('@tradepost/platform/db');
  const checks: Check[] = [];
  if (config.databaseUrl === undefined) {
    try {
      const place = findServerPlace(config.dataDirectory);
      const user = place.uid === undefined ? '' : `, as uid ${place.uid}`;
      checks.push(good('postgresql', `embedded, data in ${place.data}${user}`));
    } catch (error) {
      checks.push(bad('postgresql', (error as Error).message, 'npm ci, or set DATABASE_URL'));
    }
  } else checks.push(await checkServer('postgresql', config.databaseUrl, true));
  for (const [service, url] of config.serviceDatabaseUrls) {
    checks.push(await checkServer(`postgresql of ${service}`, url, false));
  }
  return checks;
}

interface ServerFacts {
  readonly version: string;
  readonly number: number;
  readonly role: string;
  readonly createdb: boolean;
  readonly createrole: boolean;
  readonly create: boolean;
}

/** @param shared whether databases and roles are to be made there. */
async function checkServer(name: string, url: string, shared: boolean): Promise<Check> {
  const { withConnection } = await import('@tradepost/platform/db');
  try {
    const [facts] = await withConnection(url, (connection) =>
      connection.query<ServerFacts>(`
        select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
          quote_ident(rolname) as role, rolcreatedb or rolsuper as createdb, rolcreaterole or rolsuper as createrole,
          has_database_privilege(current_database(), 'create') as create
        from pg_roles where rolname = current_user`),
    );
    if (facts === undefined) return bad(name, 'it does not say who we are', 'check the URL');
    if (facts.number < 150_000) return bad(name, `version ${facts.version}`, 'upgrade to 15 or later');
    const missing = shared
      ? [facts.createdb ? '' : 'CREATEDB', facts.createrole ? '' : 'CREATEROLE'].filter((grant) => grant !== '')
      : [];
    if (missing.length > 0) {
      const sql = `ALTER ROLE ${facts.role} ${missing.join(' ')};`;
      return bad(name, `${facts.role} lacks ${missing.join(' and ')}`, `as a superuser: ${sql}`);
    }
    if (!shared && !facts.create) {
      const sql = `GRANT CREATE ON DATABASE … TO ${facts.role};`;
      return bad(name, `${facts.role} may not create schemas there`, `as its owner: ${sql}`);
    }
    return good(name, `version ${facts.version}, as ${facts.role}`);
  } catch (error) {
    return bad(name, (error as Error).message, 'check that it runs, and the URL');
  }
}
