// A score changed: stored for the history, and told to the person when the rules say so.
import { events } from '@tradepost/contracts/events';
import { reaction } from '@tradepost/platform/service';
import { decideOnScore, needsPerson } from '../domain/rules.ts';
import { findPeople } from './find-people.ts';
import { storeAndRequest } from './store-and-request.ts';

export const onScoreEvent = reaction({
  name: 'notification.score-events',
  on: [events.ScoreEventAccepted],
  maxBatch: 500,
  load: (messages, context) =>
    findPeople(
      messages.filter(({ value }) => needsPerson(value.change)).map(({ value }) => value.userId),
      context,
    ),
  async apply(messages, tx, people: Set<bigint>) {
    await storeAndRequest(
      tx,
      messages.map(({ id, value, cause }) => {
        const decision = decideOnScore(value.change, people.has(value.userId));
        return {
          userId: value.userId,
          message: decision.message,
          scoreChange: value.change,
          status: decision.deliver ? ('queued' as const) : ('not_sent' as const),
          reason: decision.deliver ? '' : decision.reason,
          sourceEventId: id,
          cause,
        };
      }),
    );
  },
});
