// Registers people. Of two requests for one address, the first gets it.
import { events } from '@tradepost/contracts/events';
import { UserService } from '@tradepost/contracts/user';
import { Refusal } from '@tradepost/platform/errors';
import { command } from '@tradepost/platform/service';
import { emailKeyOf, type PersonFields, register } from '../domain/person.ts';
import { refuse } from '../domain/refusals.ts';
import { insertUsers } from '../store/users.ts';
import { toUserMessage } from './user-message.ts';

export const createUser = command(UserService.method.createUser, {
  async apply(items, tx) {
    const decided = items.map(({ request }) => register(request));
    const firstByEmail = new Map<string, PersonFields>();
    for (const fields of decided) {
      if (fields instanceof Refusal) continue;
      const key = emailKeyOf(fields.email);
      if (!firstByEmail.has(key)) firstByEmail.set(key, fields);
    }
    const created = await insertUsers(tx, [...firstByEmail.values()], tx.now);
    return items.map(({ meta }, index) => {
      const fields = decided[index] as PersonFields | Refusal;
      if (fields instanceof Refusal) return { refused: fields };
      const key = emailKeyOf(fields.email);
      const person = firstByEmail.get(key) === fields ? created.get(key) : undefined;
      if (person === undefined) return { refused: refuse('email_taken', { email: fields.email }) };
      const user = toUserMessage(person);
      tx.publish(events.UserCreated, user, meta);
      return { ok: { user } };
    });
  },
});
