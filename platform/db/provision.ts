// One role and one database for each service on a server given by its administrator's URL. Two processes may do this at
// once: whatever exists already is taken as it is.
import { createHmac } from 'node:crypto';
import { describeUrl } from './connection-url.ts';
import type { Queryable } from './database.ts';
import { requireVersion } from './server-version.ts';
import { withConnection } from './single-connection.ts';
import { sqlStateOf } from './sql-errors.ts';

const LOCK = 7_310_552_303;
const SERVICE_NAME = /^[a-z][a-z0-9_]{0,40}$/;

interface Grants {
  readonly user: string;
  readonly createdb: boolean;
  readonly createrole: boolean;
}

/**
 * Creates role and database `tradepost_<service>` where missing. The role's password is derived from the
 * administrator's and the name, so that every process finds the same one without storing it anywhere. An administrator
 * without a password, whom the server trusts, gets a role without one.
 * @returns the URL of the service's own database under its own role.
 * @throws an Error with the SQL to run when the administrator may not create them.
 */
export async function provisionDatabase(adminUrl: string, service: string): Promise<string> {
  if (!SERVICE_NAME.test(service)) throw new Error(`"${service}" cannot name a database: use lower case letters.`);
  const name = `tradepost_${service}`;
  const url = new URL(adminUrl);
  const password = url.password === '' ? '' : derive(decodeURIComponent(url.password), name).slice(0, 48);
  await withConnection(adminUrl, async (connection) => {
    await requireVersion(connection, adminUrl);
    await connection.query(`select pg_advisory_lock($1)`, [LOCK]);
    await ensureRole(connection, adminUrl, name, password);
    await ensureDatabase(connection, adminUrl, name);
  });
  url.username = name;
  url.password = password;
  url.pathname = `/${name}`;
  return url.href;
}

async function ensureRole(connection: Queryable, adminUrl: string, name: string, password: string): Promise<void> {
  const [role] = await connection.query<{ marked: boolean }>(
    `select shobj_description(oid, 'pg_authid') = $2 as marked from pg_roles where rolname = $1`,
    [name, markOf(password)],
  );
  if (role?.marked === true) return;
  const verb = role === undefined ? 'create' : 'alter';
  await allowed(
    connection,
    adminUrl,
    name,
    `${verb} role ${name} login password ${password === '' ? 'null' : `'${password}'`}`,
  );
  // The mark tells the next start that this password is set, so that roles are not altered each time.
  await allowed(connection, adminUrl, name, `comment on role ${name} is '${markOf(password)}'`);
}

async function ensureDatabase(connection: Queryable, adminUrl: string, name: string): Promise<void> {
  const existing = await connection.query(`select 1 from pg_database where datname = $1`, [name]);
  if (existing.length > 0) return;
  // A database is given away only by members of its new owner; from 16 on creating a role is not yet enough for that.
  const [row] = await connection.query<{ member: boolean; me: string }>(
    `select pg_has_role(current_user, $1::name,
         case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end) as member,
       quote_ident(current_user) as me`,
    [name],
  );
  if (row?.member === false) await allowed(connection, adminUrl, name, `grant ${name} to ${row.me}`);
  for (const locale of await caseFoldingLocales(connection)) {
    const sql = `create database ${name} owner ${name} template template0 encoding 'UTF8' ${locale}`;
    if (await allowed(connection, adminUrl, name, sql)) break;
  }
  await allowed(connection, adminUrl, name, `revoke all on database ${name} from public`);
}

/**
 * What makes `lower` know all letters, not those of ASCII only, and text sort by code point, the same on every server.
 * The last one takes what the server has.
 */
async function caseFoldingLocales(connection: Queryable): Promise<string[]> {
  const [row] = await connection.query<{ builtin: boolean }>(
    `select current_setting('server_version_num')::int >= 170000 as builtin`,
  );
  return row?.builtin ? [`locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'`] : [`locale 'C.UTF-8'`, ''];
}

function markOf(password: string): string {
  return `tradepost ${derive(password, 'mark').slice(0, 16)}`;
}

function derive(secret: string, purpose: string): string {
  return createHmac('sha256', secret).update(purpose).digest('hex');
}

/** @returns false when the operating system does not know the locale. */
async function allowed(connection: Queryable, adminUrl: string, name: string, sql: string): Promise<boolean> {
  try {
    await connection.query(sql);
    return true;
  } catch (error) {
    const state = sqlStateOf(error);
    // Somebody who does not take the lock was faster.
    if (state === '42P04' || state === '42710') return true;
    if (state === '42809') return false;
    if (state !== '42501') throw error;
    throw new Error(await explainMissingGrants(connection, adminUrl, name), { cause: error });
  }
}

async function explainMissingGrants(connection: Queryable, adminUrl: string, name: string): Promise<string> {
  const [grants] = await connection.query<Grants>(
    `select quote_ident(rolname) as user, rolcreatedb as createdb, rolcreaterole as createrole
     from pg_roles where rolname = current_user`,
  );
  const missing = [grants?.createdb ? '' : 'CREATEDB', grants?.createrole ? '' : 'CREATEROLE'].filter((w) => w !== '');
  const user = grants?.user ?? 'the given role';
  const byHand =
    `"CREATE ROLE ${name} LOGIN PASSWORD '…'; CREATE DATABASE ${name} OWNER ${name};" as a superuser ` +
    "and give that database's URL.";
  const server = describeUrl(adminUrl);
  if (missing.length === 0) return `${user} may not create the role and database ${name} at ${server}: run ${byHand}`;
  return (
    `${user} lacks ${missing.join(' and ')} at ${server}: run "ALTER ROLE ${user} ${missing.join(' ')};" as a ` +
    `superuser, or run ${byHand}`
  );
}
