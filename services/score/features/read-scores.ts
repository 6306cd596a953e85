// Reads of scores: the present one, the history.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import { readPage } from '@tradepost/platform/paging';
import { query } from '@tradepost/platform/service';
import { findScore, listScoreEvents as listFromStore } from '../store/score-events.ts';

export const getScore = query(ScoreService.method.getScore, async ({ userId }, context, meta) => {
  const score = await findScore(context.db, userId);
  if (score === undefined) {
    // Refuses with the user service's own word when there is no such person.
    await context.client(UserService).getUser({ id: userId }, { meta });
    return { score: { userId } };
  }
  return { score: { ...score, userId, updatedAt: timestampFromDate(score.updatedAt) } };
});

export const listScoreEvents = query(ScoreService.method.listScoreEvents, async (request, { db, cursors }) => {
  const page = await readPage(
    cursors,
    `score-events/${request.userId}`,
    request,
    (after, limit) => listFromStore(db, request.userId, after, limit),
    (event) => [String(event.eventId)],
  );
  return { ...page, data: page.data.map((event) => ({ ...event, createdAt: timestampFromDate(event.createdAt) })) };
});
