// A person: what they are called, how an address is compared, what an update makes of them. Pure.
import type { Refusal } from '@tradepost/platform/errors';
import { alpha2Of } from './countries.ts';
import { refuse } from './refusals.ts';

export interface Person {
  readonly id: bigint;
  /** As given; null when first and last name are what is shown. */
  readonly name: string | null;
  readonly firstName: string;
  readonly lastName: string;
  readonly nickname: string;
  readonly email: string;
  readonly country: string;
  readonly revision: bigint;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type PersonFields = Pick<Person, 'name' | 'firstName' | 'lastName' | 'nickname' | 'email' | 'country'>;

/** Fields as a request gives them; undefined is "not given". */
export type GivenFields = { readonly [Name in keyof PersonFields]?: string | undefined };

/** The names that an update mask may use. */
export const MASK_FIELDS = {
  name: 'name',
  first_name: 'firstName',
  last_name: 'lastName',
  nickname: 'nickname',
  email: 'email',
  country: 'country',
} as const satisfies Record<string, keyof PersonFields>;

/** How an address is compared: two that differ only in case, or in how an accent is encoded, are one. */
export function emailKeyOf(email: string): string {
  return email.normalize('NFC').toLowerCase();
}

export function shownName(person: PersonFields): string {
  return person.name ?? [person.firstName, person.lastName].filter((part) => part !== '').join(' ');
}

/** @returns the fields of a new person, or why there can be none. */
export function register(given: GivenFields): PersonFields | Refusal {
  const none: PersonFields = { name: null, firstName: '', lastName: '', nickname: '', email: '', country: '' };
  return change(none, given);
}

/** @returns the person's fields after the update, or why it is refused. */
export function change(fields: PersonFields, given: GivenFields): PersonFields | Refusal {
  const next = {
    name: given.name === undefined ? fields.name : given.name.trim() || null,
    firstName: (given.firstName ?? fields.firstName).trim(),
    lastName: (given.lastName ?? fields.lastName).trim(),
    nickname: given.nickname ?? fields.nickname,
    email: given.email ?? fields.email,
    country: fields.country,
  };
  if (next.name === null && next.firstName === '') {
    return refuse('name_missing', {}, { errors: [fault('/name', 'name_missing', refuse('name_missing', {}).message)] });
  }
  if (next.email === '') {
    const refusal = refuse('email_missing', {});
    return refuse('email_missing', {}, { errors: [fault('/email', 'email_missing', refusal.message)] });
  }
  if (given.country !== undefined) {
    const country = given.country === '' ? '' : alpha2Of(given.country);
    if (country === undefined) {
      const refusal = refuse('country_unknown', { country: given.country });
      return refuse(
        'country_unknown',
        { country: given.country },
        { errors: [fault('/country', 'country_unknown', refusal.message)] },
      );
    }
    next.country = country;
  }
  return next;
}

function fault(pointer: string, code: string, detail: string) {
  return { pointer, code, detail };
}

export function isSame(one: PersonFields, other: PersonFields): boolean {
  return Object.values(MASK_FIELDS).every((field) => one[field] === other[field]);
}
