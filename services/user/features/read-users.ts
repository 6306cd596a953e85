// Reads of people: one, many in one call, a page.
import { UserService } from '@tradepost/contracts/user';
import { readPage } from '@tradepost/platform/paging';
import { query } from '@tradepost/platform/service';
import { refuse } from '../domain/refusals.ts';
import { findUsers, listUsers as listFromStore } from '../store/users.ts';
import { toUserMessage } from './user-message.ts';

export const getUser = query(UserService.method.getUser, async ({ id }, { db }) => {
  const person = (await findUsers(db, [id])).get(id);
  if (person === undefined) throw refuse('user_not_found', { id });
  return { user: toUserMessage(person) };
});

export const batchGetUsers = query(UserService.method.batchGetUsers, async ({ requests }, { db }) => {
  const people = await findUsers(db, [...new Set(requests.map(({ id }) => id))]);
  return {
    results: requests.map(({ id }) => {
      const person = people.get(id);
      return person === undefined ? {} : { user: toUserMessage(person) };
    }),
  };
});

export const listUsers = query(UserService.method.listUsers, async (request, { db, cursors }) => {
  const page = await readPage(
    cursors,
    'users',
    request,
    (after, limit) => listFromStore(db, after, limit),
    (person) => [String(person.id)],
  );
  return { ...page, data: page.data.map(toUserMessage) };
});
