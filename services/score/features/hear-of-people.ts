// Makes sure that we have heard of the people a batch of score events is about: what user events have not brought yet,
// the user service is asked for, so that a person created a moment ago is never refused.
import { UserService } from '@tradepost/contracts/user';
import type { Context } from '@tradepost/platform/service';
import { findHeard, type KnownPerson } from '../store/people.ts';

const REMEMBERED = 100_000;
const BATCH = 500;

// Ids that are in `people`. Whether such a person has been deleted since is decided in the transaction.
const heard = new WeakMap<object, Set<bigint>>();

/** @returns people whom only the user service knows so far, to be stored with the batch. */
export async function hearOfPeople(userIds: readonly bigint[], context: Context): Promise<KnownPerson[]> {
  const remembered = rememberedFor(context);
  const doubtful = [...new Set(userIds)].filter((id) => !remembered.has(id));
  if (doubtful.length === 0) return [];
  const stored = await findHeard(context.db, doubtful);
  for (const id of stored) remember(remembered, id);
  const unknown = doubtful.filter((id) => !stored.has(id));
  const asked: KnownPerson[] = [];
  for (let start = 0; start < unknown.length; start += BATCH) {
    const requests = unknown.slice(start, start + BATCH).map((id) => ({ id }));
    const { results } = await context.client(UserService).batchGetUsers({ requests });
    for (const { user } of results) {
      if (user !== undefined) asked.push({ userId: user.id, revision: user.revision, deleted: false });
    }
  }
  return asked;
}

function rememberedFor(context: Context): Set<bigint> {
  const known = heard.get(context.db) ?? new Set<bigint>();
  heard.set(context.db, known);
  return known;
}

function remember(known: Set<bigint>, id: bigint): void {
  if (known.size >= REMEMBERED) known.clear();
  known.add(id);
}
