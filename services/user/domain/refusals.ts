// Everything the user service refuses.
import { defineRefusals } from '@tradepost/platform/errors';

export const refuse = defineRefusals({
  user_not_found: {
    status: 'NOT_FOUND',
    title: 'User not found',
    detail: ({ id }: { id: bigint }) => `There is no user ${id}.`,
  },
  email_taken: {
    status: 'ALREADY_EXISTS',
    title: 'E-mail already taken',
    detail: ({ email }: { email: string }) => `Another user has the e-mail address ${email}.`,
  },
  name_missing: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 422,
    title: 'Name missing',
    detail: () => 'A user needs a name: give name, or first_name.',
  },
  email_missing: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 422,
    title: 'E-mail missing',
    detail: () => 'A user needs an e-mail address: email cannot be emptied.',
  },
  country_unknown: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 422,
    title: 'Unknown country',
    detail: ({ country }: { country: string }) =>
      `country must be an ISO 3166 code, such as GB or GBR; ${JSON.stringify(country)} is none.`,
  },
  mask_unknown: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 422,
    title: 'Unknown field in update_mask',
    detail: ({ path, known }: { path: string; known: readonly string[] }) =>
      `update_mask names ${JSON.stringify(path)}; it may name ${known.join(', ')}.`,
  },
  revision_mismatch: {
    status: 'FAILED_PRECONDITION',
    httpStatus: 412,
    title: 'The user has changed',
    detail: ({ expected, actual }: { expected: bigint; actual: bigint }) =>
      `You expected revision ${expected}, the user has revision ${actual}: read it again.`,
  },
});
