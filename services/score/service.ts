// The score service: credit-score events and every person's score history.
import { EventService, ScoreService } from '@tradepost/contracts/score';
import { defineService, implement } from '@tradepost/platform/service';
import { scoreConfig } from './config.ts';
import { onUserEvents } from './features/on-user-events.ts';
import { getScore, listScoreEvents } from './features/read-scores.ts';
import {
  sendScoreEvent,
  sendScoreEventAsDocumented,
  sendScoreEvents,
  streamScoreEvents,
} from './features/send-score-event.ts';

export const score = defineService({
  name: 'score',
  summary: 'Credit-score events, and every person’s score history.',
  config: scoreConfig,
  migrations: new URL('./migrations/', import.meta.url),
  asks: ['user'],
  rpc: [
    implement(ScoreService, { sendScoreEvent, sendScoreEvents, streamScoreEvents, getScore, listScoreEvents }),
    implement(EventService, { sendScoreEvent: sendScoreEventAsDocumented }),
  ],
  reactions: [onUserEvents],
  effects: [],
  jobs: [],
});
