// What an operator is told who asks for something that a parked message cannot have done to it.
import { defineRefusals } from '../../errors/index.ts';

export const refuseParked = defineRefusals({
  parked_message_not_found: {
    status: 'NOT_FOUND',
    title: 'Parked message not found',
    detail: ({ id }: { id: bigint }) => `No parked message has the id ${id}.`,
  },
  parked_message_in_another_state: {
    status: 'FAILED_PRECONDITION',
    title: 'Parked message in another state',
    detail: ({ id, state, action }: { id: bigint; state: string; action: string }) =>
      `Message ${id} is ${state}; only a dead one can be ${action}.`,
  },
  parked_value_invalid: {
    status: 'INVALID_ARGUMENT',
    title: 'Value does not fit the event',
    detail: ({ reason }: { reason: string }) => reason,
  },
});
