// Reads of scores: the present one, the history.
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import { readPage } from '@tradepost/platform/paging';
import { query } from '@tradepost/platform/service';
import { findScore, listScoreEvents as listFromStore } from '../store/score-events.ts';

export const getScore = query(ScoreService.method.getScore, async ({ userId }, context) => {
  // Whether there is such a person at this moment, only the user service knows; it refuses in its own words.
  const [score] = await Promise.all([
    findScore(context.db, userId),
    context.client(UserService).getUser({ id: userId }),
  ]);
  if (score === undefined) return { score: { userId } };
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
