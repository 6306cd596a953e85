// Who exists, as far as user events and the user service have told us.
import type { Queryable } from '@tradepost/platform/db';

export interface KnownPerson {
  readonly userId: bigint;
  readonly revision: bigint;
  readonly deleted: boolean;
}

/** Takes in what was heard about people; an older word about one changes nothing. */
export async function saveHeard(db: Queryable, people: readonly KnownPerson[]): Promise<void> {
  const latest = new Map<bigint, KnownPerson>();
  for (const person of people) {
    const known = latest.get(person.userId);
    if (known === undefined || known.revision < person.revision) latest.set(person.userId, person);
  }
  const rows = [...latest.values()];
  await db.query(
    `insert into people as known (user_id, revision, deleted)
     select * from unnest($1::bigint[], $2::bigint[], $3::boolean[]) as heard (user_id, revision, deleted)
     order by user_id
     on conflict (user_id) do update set revision = excluded.revision, deleted = excluded.deleted
     where known.revision < excluded.revision`,
    [rows.map((row) => row.userId), rows.map((row) => row.revision), rows.map((row) => row.deleted)],
  );
}

/** @returns those of the ids that we have heard of, deleted ones too. */
export async function findHeard(db: Queryable, ids: readonly bigint[]): Promise<Set<bigint>> {
  const rows = await db.query<{ user_id: bigint }>('select user_id from people where user_id = any($1::bigint[])', [
    ids,
  ]);
  return new Set(rows.map((row) => row.user_id));
}
