// Deletes people: the row stays, marked; the address becomes free; the event carries the last state.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { EmptySchema } from '@bufbuild/protobuf/wkt';
import { events } from '@tradepost/contracts/events';
import { UserService } from '@tradepost/contracts/user';
import { command, type Outcome } from '@tradepost/platform/service';
import type { Person } from '../domain/person.ts';
import { refuse } from '../domain/refusals.ts';
import { lockUsers, markDeleted } from '../store/users.ts';
import { toUserMessage } from './user-message.ts';

export const deleteUser = command(UserService.method.deleteUser, {
  async apply(items, tx) {
    const living = await lockUsers(tx, [...new Set(items.map(({ request }) => request.id))]);
    const deleted: Person[] = [];
    const outcomes = items.map(({ request, meta }): Outcome<MessageInitShape<typeof EmptySchema>> => {
      const person = living.get(request.id);
      if (person === undefined) return { refused: refuse('user_not_found', { id: request.id }) };
      if (request.revision !== 0n && request.revision !== person.revision) {
        return { refused: refuse('revision_mismatch', { expected: request.revision, actual: person.revision }) };
      }
      living.delete(person.id);
      const last = { ...person, revision: person.revision + 1n, updatedAt: tx.now };
      deleted.push(last);
      tx.publish(events.UserDeleted, toUserMessage(last), meta);
      return { ok: {} };
    });
    if (deleted.length > 0) await markDeleted(tx, deleted);
    return outcomes;
  },
});
