// Asks the user service which people exist: many in one call, never one by one.
import { UserService } from '@tradepost/contracts/user';
import type { Context } from '@tradepost/platform/service';

const BATCH = 500;

/** @returns those of the ids that are living people. */
export async function findPeople(ids: readonly bigint[], context: Context): Promise<Set<bigint>> {
  const distinct = [...new Set(ids)];
  const found = new Set<bigint>();
  for (let start = 0; start < distinct.length; start += BATCH) {
    const requests = distinct.slice(start, start + BATCH).map((id) => ({ id }));
    const { results } = await context.client(UserService).batchGetUsers({ requests });
    for (const { user } of results) if (user !== undefined) found.add(user.id);
  }
  return found;
}
