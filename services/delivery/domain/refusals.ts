// Everything the delivery service refuses.
import { defineRefusals } from '@tradepost/platform/errors';

export const refuse = defineRefusals({
  email_not_found: {
    status: 'NOT_FOUND',
    title: 'E-mail not found',
    detail: ({ id }: { id: bigint }) => `There is no e-mail ${id}.`,
  },
  user_not_found: {
    status: 'NOT_FOUND',
    title: 'User not found',
    detail: ({ id }: { id: bigint }) => `There is no user ${id}.`,
  },
  recipient_missing: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 422,
    title: 'Recipient missing',
    detail: () => 'An e-mail needs a recipient: give user_id, or to, and not both.',
  },
});
