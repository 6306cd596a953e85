// Takes in score events: stored, the score moved, published; the answer comes once all of it is durable.
import { create, type DescMethodUnary } from '@bufbuild/protobuf';
import { events } from '@tradepost/contracts/events';
import { EventService, type ScoreEvent, ScoreEventSchema, ScoreService } from '@tradepost/contracts/score';
import { Refusal } from '@tradepost/platform/errors';
import {
  type CallMeta,
  type Command,
  type CommandItem,
  type Context,
  command,
  duplexStream,
  query,
  type Transaction,
} from '@tradepost/platform/service';
import { refuse } from '../domain/refusals.ts';
import { type KnownPerson, saveHeard } from '../store/people.ts';
import { insertScoreEvents } from '../store/score-events.ts';
import { hearOfPeople } from './hear-of-people.ts';

type Scored = Pick<ScoreEvent, 'userId' | 'newScore' | 'change'>;

const accept = {
  load: (items: readonly CommandItem<Scored>[], context: Context): Promise<KnownPerson[]> =>
    hearOfPeople(
      items.map(({ request }) => request.userId),
      context,
    ),

  async apply(items: readonly CommandItem<Scored>[], tx: Transaction, asked: readonly KnownPerson[]) {
    if (asked.length > 0) await saveHeard(tx, asked);
    const given = items.map(({ request }) => request);
    const ids = await insertScoreEvents(tx, given, tx.now);
    return items.map(({ request, meta }, place) => {
      const eventId = ids.get(place);
      if (eventId === undefined) return { refused: refuse('user_not_found', { id: request.userId }) };
      const { userId, newScore, change } = request;
      tx.publish(events.ScoreEventAccepted, create(ScoreEventSchema, { userId, newScore, change }), meta);
      return { ok: { status: 'accepted', eventId } };
    });
  },
};

function acceptFor<M extends DescMethodUnary>(method: M): Command<M, KnownPerson[]> {
  return command(method, accept as unknown as Omit<Command<M, KnownPerson[]>, 'kind'>);
}

export const sendScoreEvent = acceptFor(ScoreService.method.sendScoreEvent);

/** The documented platform's name for the same thing. */
export const sendScoreEventAsDocumented = acceptFor(EventService.method.sendScoreEvent);

interface KeyedEvent {
  readonly idempotencyKey: string;
  readonly event?: ScoreEvent;
}

/** An item's own key; without one, its place under the key of the whole request, if that has one. */
function keyOfItem(own: string, place: number, meta: CallMeta): string | undefined {
  if (own !== '') return own;
  return meta.idempotencyKey === undefined ? undefined : `${meta.idempotencyKey}#${place}`;
}

// Each item is a call of its own: those of one request share transactions, and one that is refused is refused alone.
async function sendOne({ event, idempotencyKey }: KeyedEvent, place: number, context: Context, meta: CallMeta) {
  let replayed = false;
  try {
    if (event === undefined) throw refuse('event_missing', {});
    const { userId, newScore, change } = event;
    const answer = await context.client(ScoreService).sendScoreEvent(
      { userId, newScore, change },
      {
        meta: { ...meta, idempotencyKey: keyOfItem(idempotencyKey, place, meta) },
        onReplayed: () => {
          replayed = true;
        },
      },
    );
    return { status: replayed ? 'replayed' : answer.status, eventId: answer.eventId };
  } catch (error) {
    if (error instanceof Refusal) return { status: 'refused', code: error.code, detail: error.message };
    throw error;
  }
}

export const sendScoreEvents = query(ScoreService.method.sendScoreEvents, async ({ items }, context, meta) => ({
  results: await Promise.all(items.map((item, place) => sendOne(item, place, context, meta))),
}));

export const streamScoreEvents = duplexStream(
  ScoreService.method.streamScoreEvents,
  async function* streamScoreEvents(requests, context, meta) {
    const pending: ReturnType<typeof sendOne>[] = [];
    let place = 0;
    for await (const request of requests) {
      pending.push(sendOne(request, place, context, meta));
      place += 1;
      if (pending.length >= MOST_UNANSWERED) yield { result: await (pending.shift() as ReturnType<typeof sendOne>) };
    }
    for (const answer of pending) yield { result: await answer };
  },
);

/** Events of one feed under way at once; a feed that sends faster waits. */
const MOST_UNANSWERED = 256;
