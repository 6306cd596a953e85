// How a person is shown to callers and in events.
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type User, UserSchema } from '@tradepost/contracts/user';
import { type Person, shownName } from '../domain/person.ts';

export function toUserMessage(person: Person): User {
  return create(UserSchema, {
    id: person.id,
    name: shownName(person),
    firstName: person.firstName,
    lastName: person.lastName,
    nickname: person.nickname,
    email: person.email,
    country: person.country,
    createdAt: timestampFromDate(person.createdAt),
    updatedAt: timestampFromDate(person.updatedAt),
    revision: person.revision,
  });
}
