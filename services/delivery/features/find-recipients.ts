// Asks the user service who the recipients are: many in one call, never one by one.
import { type User, UserService } from '@tradepost/contracts/user';
import type { Context } from '@tradepost/platform/service';

const BATCH = 500;

/** @returns the living people among the ids. */
export async function findRecipients(ids: readonly bigint[], context: Context): Promise<Map<bigint, User>> {
  const distinct = [...new Set(ids)];
  const found = new Map<bigint, User>();
  for (let start = 0; start < distinct.length; start += BATCH) {
    const requests = distinct.slice(start, start + BATCH).map((id) => ({ id }));
    const { results } = await context.client(UserService).batchGetUsers({ requests });
    for (const { user } of results) if (user !== undefined) found.set(user.id, user);
  }
  return found;
}
