// Everything the score service refuses.
import { defineRefusals } from '@tradepost/platform/errors';

export const refuse = defineRefusals({
  user_not_found: {
    status: 'NOT_FOUND',
    title: 'User not found',
    detail: ({ id }: { id: bigint }) => `There is no user ${id}.`,
  },
  event_missing: {
    status: 'INVALID_ARGUMENT',
    title: 'Event missing',
    detail: () => 'An item needs an event: {"user_id":42,"new_score":730,"change":15}.',
  },
});
