// The only SQL on users. Statements take many rows at once, because commands do.
import type { Queryable } from '@tradepost/platform/db';
import type { Position } from '@tradepost/platform/paging';
import { emailKeyOf, type Person, type PersonFields } from '../domain/person.ts';
import type { SeedPerson } from '../domain/seed-person.ts';

interface UserRow {
  id: bigint;
  name: string | null;
  first_name: string;
  last_name: string;
  nickname: string;
  email: string;
  country: string;
  revision: bigint;
  created_at: Date;
  updated_at: Date;
}

/** The index that keeps the addresses of living people apart. */
export const EMAIL_KEY = 'users_email_key_living';

const COLUMNS = 'id, name, first_name, last_name, nickname, email, country, revision, created_at, updated_at';

function toPerson(row: UserRow): Person {
  return {
    id: row.id,
    name: row.name,
    firstName: row.first_name,
    lastName: row.last_name,
    nickname: row.nickname,
    email: row.email,
    country: row.country,
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function columnsOf(people: readonly PersonFields[]) {
  return [
    people.map((person) => person.name),
    people.map((person) => person.firstName),
    people.map((person) => person.lastName),
    people.map((person) => person.nickname),
    people.map((person) => person.email),
    people.map((person) => emailKeyOf(person.email)),
    people.map((person) => person.country),
  ];
}

/** Inserts those whose address is free. @returns the new people by the key of their address. */
export async function insertUsers(
  db: Queryable,
  people: readonly PersonFields[],
  now: Date,
): Promise<Map<string, Person>> {
  const rows = await db.query<UserRow>(
    `insert into users (name, first_name, last_name, nickname, email, email_key, country, created_at, updated_at)
     select name, first_name, last_name, nickname, email, email_key, country, $8, $8
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
       with ordinality as given (name, first_name, last_name, nickname, email, email_key, country, n)
     order by n
     on conflict (email_key) where deleted_at is null do nothing
     returning ${COLUMNS}`,
    [...columnsOf(people), now],
  );
  return new Map(rows.map((row) => [emailKeyOf(row.email), toPerson(row)]));
}

/**
 * Inserts people under given ids, those whose id and address are free, and moves the next id behind them.
 * @returns the new people.
 */
export async function insertSeeds(db: Queryable, seeds: readonly SeedPerson[], now: Date): Promise<Person[]> {
  const ids = seeds.map(({ id }) => id);
  const [there] = await db.query<{ n: bigint }>('select count(*) as n from users where id = any($1::bigint[])', [ids]);
  if (there?.n === BigInt(new Set(ids).size)) return [];
  // Nobody is registered meanwhile: the next id would be read, taken by another, and set back.
  await db.query('lock table users in share row exclusive mode');
  const rows = await db.query<UserRow>(
    `insert into users (id, name, first_name, last_name, nickname, email, email_key, country, created_at, updated_at)
     overriding system value
     select id, name, first_name, last_name, nickname, email, email_key, country, $8, $8
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $9::bigint[])
       as given (name, first_name, last_name, nickname, email, email_key, country, id)
     order by id
     on conflict do nothing
     returning ${COLUMNS}`,
    [...columnsOf(seeds.map(({ fields }) => fields)), now, ids],
  );
  if (rows.length > 0) {
    await db.query(
      `select setval(pg_get_serial_sequence('users', 'id'), greatest((select max(id) from users), last_value))
       from users_id_seq`,
    );
  }
  return rows.map(toPerson);
}

/** Locks living people until the end of the transaction. */
export async function lockUsers(db: Queryable, ids: readonly bigint[]): Promise<Map<bigint, Person>> {
  const rows = await db.query<UserRow>(
    `select ${COLUMNS} from users where id = any($1::bigint[]) and deleted_at is null order by id for update`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, toPerson(row)]));
}

export async function findUsers(db: Queryable, ids: readonly bigint[]): Promise<Map<bigint, Person>> {
  const rows = await db.query<UserRow>(
    `select ${COLUMNS} from users where id = any($1::bigint[]) and deleted_at is null`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, toPerson(row)]));
}

/** @returns which living person has each of these addresses, by the address's key. */
export async function findEmailOwners(db: Queryable, emails: readonly string[]): Promise<Map<string, bigint>> {
  const rows = await db.query<{ email_key: string; id: bigint }>(
    'select email_key, id from users where email_key = any($1::text[]) and deleted_at is null',
    [emails.map(emailKeyOf)],
  );
  return new Map(rows.map((row) => [row.email_key, row.id]));
}

/** Makes the addresses free of people that the caller has locked and saves afterwards. Every address has an @. */
export async function giveUpEmails(db: Queryable, ids: readonly bigint[]): Promise<void> {
  await db.query(`update users set email_key = 'given up by ' || id where id = any($1::bigint[])`, [ids]);
}

/** Writes the present state of people that the caller has locked. */
export async function saveUsers(db: Queryable, people: readonly Person[]): Promise<void> {
  await db.query(
    `update users set name = given.name, first_name = given.first_name, last_name = given.last_name,
       nickname = given.nickname, email = given.email, email_key = given.email_key, country = given.country,
       revision = given.revision, updated_at = given.updated_at
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
         $8::bigint[], $9::timestamptz[], $10::bigint[])
       as given (name, first_name, last_name, nickname, email, email_key, country, revision, updated_at, id)
     where users.id = given.id`,
    [
      ...columnsOf(people),
      people.map((person) => person.revision),
      people.map((person) => person.updatedAt),
      people.map((person) => person.id),
    ],
  );
}

/** Marks people that the caller has locked as deleted; their addresses become free. */
export async function markDeleted(db: Queryable, people: readonly Person[]): Promise<void> {
  await db.query(
    `update users set deleted_at = given.updated_at, updated_at = given.updated_at, revision = given.revision
     from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as given (id, revision, updated_at)
     where users.id = given.id`,
    [
      people.map((person) => person.id),
      people.map((person) => person.revision),
      people.map((person) => person.updatedAt),
    ],
  );
}

/** Living people in the order of their ids. */
export async function listUsers(db: Queryable, after: Position | undefined, limit: number): Promise<Person[]> {
  const rows = await db.query<UserRow>(
    `select ${COLUMNS} from users where deleted_at is null and id > $1 order by id limit $2`,
    [BigInt(after?.[0] ?? 0), limit],
  );
  return rows.map(toPerson);
}
