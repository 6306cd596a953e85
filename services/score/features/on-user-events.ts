// Keeps what we know of who exists in step with the user service.
import { events } from '@tradepost/contracts/events';
import { reaction } from '@tradepost/platform/service';
import { saveHeard } from '../store/people.ts';

export const onUserEvents = reaction({
  name: 'score.user-events',
  on: [events.UserCreated, events.UserUpdated, events.UserDeleted],
  async apply(messages, tx) {
    await saveHeard(
      tx,
      messages.map(({ event, value }) => ({
        userId: value.id,
        revision: value.revision,
        deleted: event.type === events.UserDeleted.type,
      })),
    );
  },
});
