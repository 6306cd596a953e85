// Changes people. An update that changes nothing publishes nothing and leaves the revision as it is.
import { events } from '@tradepost/contracts/events';
import { type UpdateUserRequest, UserService } from '@tradepost/contracts/user';
import { constraintOf } from '@tradepost/platform/db';
import { Refusal } from '@tradepost/platform/errors';
import { command, type Outcome, type Transaction } from '@tradepost/platform/service';
import { change, emailKeyOf, type GivenFields, isSame, MASK_FIELDS, type Person } from '../domain/person.ts';
import { refuse } from '../domain/refusals.ts';
import { EMAIL_KEY, findEmailOwners, giveUpEmails, lockUsers, saveUsers } from '../store/users.ts';
import { toUserMessage } from './user-message.ts';

export const updateUser = command(UserService.method.updateUser, {
  async apply(items, tx) {
    const people = await lockUsers(tx, [...new Set(items.map(({ request }) => request.id))]);
    const owners = await ownersOfNewEmails(
      items.map(({ request }) => request),
      tx,
    );
    // As they were before the batch, those whom it changes.
    const changed = new Map<bigint, Person>();
    const outcomes = items.map(({ request, meta }): Outcome<{ user: ReturnType<typeof toUserMessage> }> => {
      const person = people.get(request.id);
      const next =
        person === undefined ? refuse('user_not_found', { id: request.id }) : decide(person, request, tx.now);
      if (next instanceof Refusal) return { refused: next };
      if (person === undefined || next === person) return { ok: { user: toUserMessage(next) } };
      const owner = owners.get(emailKeyOf(next.email));
      if (owner !== undefined && owner !== next.id) {
        return { refused: refuse('email_taken', { email: next.email }) };
      }
      owners.delete(emailKeyOf(person.email));
      owners.set(emailKeyOf(next.email), next.id);
      people.set(next.id, next);
      if (!changed.has(next.id)) changed.set(next.id, person);
      const user = toUserMessage(next);
      tx.publish(events.UserUpdated, user, meta);
      return { ok: { user } };
    });
    await save(
      [...changed].map(([id, before]) => ({ before, after: people.get(id) as Person })),
      tx,
    );
    return outcomes;
  },
});

/**
 * @throws Refusal `email_taken` when another transaction took an address since it was looked up. A batch is then run
 * again item by item, so that only who came second is refused.
 */
async function save(changed: readonly Change[], tx: Transaction): Promise<void> {
  if (changed.length === 0) return;
  const handedOver = givenUpFor(changed);
  try {
    if (handedOver.length > 0) await giveUpEmails(tx, handedOver);
    await saveUsers(
      tx,
      changed.map(({ after }) => after),
    );
  } catch (error) {
    if (constraintOf(error) !== EMAIL_KEY) throw error;
    throw refuse('email_taken', { email: changed.map(({ after }) => after.email).join(', ') });
  }
}

interface Change {
  readonly before: Person;
  readonly after: Person;
}

/** Those whose address another of the batch has now. The unique index looks at each row as it is written. */
function givenUpFor(changed: readonly Change[]): bigint[] {
  const taken = new Map(changed.map(({ after }) => [emailKeyOf(after.email), after.id]));
  return changed.flatMap(({ before }) => {
    const taker = taken.get(emailKeyOf(before.email));
    return taker === undefined || taker === before.id ? [] : [before.id];
  });
}

function decide(person: Person, request: UpdateUserRequest, now: Date): Person | Refusal {
  const given = givenFields(request);
  if (given instanceof Refusal) return given;
  if (request.revision !== 0n && request.revision !== person.revision) {
    return refuse('revision_mismatch', { expected: request.revision, actual: person.revision });
  }
  const fields = change(person, given);
  if (fields instanceof Refusal) return fields;
  if (isSame(fields, person)) return person;
  return { ...person, ...fields, revision: person.revision + 1n, updatedAt: now };
}

/** The fields of the mask, a named but absent one as empty; without a mask, those that are present. */
function givenFields(request: UpdateUserRequest): GivenFields | Refusal {
  const paths = request.updateMask?.paths ?? [];
  if (paths.length === 0) return request;
  const known = Object.keys(MASK_FIELDS);
  const unknown = paths.find((path) => !known.includes(path));
  if (unknown !== undefined) {
    const refusal = refuse('mask_unknown', { path: unknown, known });
    const errors = [{ pointer: '/update_mask', code: 'mask_unknown', detail: refusal.message }];
    return refuse('mask_unknown', { path: unknown, known }, { errors });
  }
  const named = paths.map((path) => MASK_FIELDS[path as keyof typeof MASK_FIELDS]);
  return Object.fromEntries(named.map((field) => [field, request[field] ?? '']));
}

/** Whom the requested addresses belong to now. The unique index has the last word between two transactions. */
async function ownersOfNewEmails(
  requests: readonly UpdateUserRequest[],
  tx: Transaction,
): Promise<Map<string, bigint>> {
  const emails = requests.map((request) => request.email).filter((email) => email !== undefined);
  return emails.length === 0 ? new Map() : findEmailOwners(tx, emails);
}
