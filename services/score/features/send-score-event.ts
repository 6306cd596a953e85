// Takes in score events: stored, the score moved, published; the answer comes once all of it is durable.
import { create, type DescMethodUnary } from '@bufbuild/protobuf';
import { events } from '@tradepost/contracts/events';
import {
  EventService,
  type ScoreEvent,
  ScoreEventSchema,
  ScoreService,
  type SendScoreEventRequest,
  SendScoreEventRequestSchema,
  type StreamScoreEventsRequest,
} from '@tradepost/contracts/score';
import { keyOfPlace } from '@tradepost/platform/commands';
import { isPassing, type Refusal } from '@tradepost/platform/errors';
import { refusalOfRequest } from '@tradepost/platform/rpc';
import {
  type CallContext,
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
  maxBatch: 500,

  // A person's events are kept in the order in which a feed sends them.
  orderBy: ({ userId }: Scored): bigint => userId,

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
  readonly event?: ScoreEvent | undefined;
}

interface Result {
  status: string;
  eventId?: bigint;
  code?: string;
  detail?: string;
  retryable?: boolean;
}

/** An item's own key; without one, its place under the key of the whole request, if that has one. */
function keyOfItem(own: string, place: number, meta: CallMeta): string | undefined {
  if (own !== '') return own;
  return meta.idempotencyKey === undefined ? undefined : keyOfPlace(meta.idempotencyKey, place);
}

function refused(refusal: Refusal): Result {
  return { status: 'refused', code: refusal.code, detail: refusal.message, retryable: isPassing(refusal) };
}

// The items of one request share transactions, with single calls too; one that is refused is refused alone.
async function sendAll(given: readonly KeyedEvent[], from: number, context: CallContext, meta: CallMeta) {
  const results: Result[] = [];
  const places: number[] = [];
  const items: CommandItem<SendScoreEventRequest>[] = [];
  for (const [place, { event, idempotencyKey }] of given.entries()) {
    const request = create(SendScoreEventRequestSchema, event && pickScored(event));
    const refusal =
      event === undefined ? refuse('event_missing', {}) : refusalOfRequest(SendScoreEventRequestSchema, request);
    if (refusal !== undefined) results[place] = refused(refusal);
    else {
      places.push(place);
      items.push({ request, meta: { ...meta, idempotencyKey: keyOfItem(idempotencyKey, from + place, meta) } });
    }
  }
  const settled = await context.runMany(sendScoreEvent, items);
  for (const [index, one] of settled.entries()) {
    const place = places[index] as number;
    if ('refused' in one) results[place] = refused(one.refused);
    else results[place] = { status: one.replayed ? 'replayed' : one.ok.status, eventId: one.ok.eventId };
  }
  return results;
}

function pickScored({ userId, newScore, change }: ScoreEvent) {
  return { userId, newScore, change };
}

export const sendScoreEvents = query(ScoreService.method.sendScoreEvents, async ({ items }, context, meta) => ({
  results: await sendAll(items, 0, context, meta),
}));

/** Events of one feed under way at once; a feed that sends faster waits. */
const MOST_UNANSWERED = 256;

export const streamScoreEvents = duplexStream(
  ScoreService.method.streamScoreEvents,
  async function* streamScoreEvents(requests, context, meta) {
    const send = (request: StreamScoreEventsRequest, place: number): Promise<Result[]> =>
      sendAll([request], place, context, meta);
    for await (const results of inOrder(requests, MOST_UNANSWERED, send)) yield answerOf(results);
  },
);

/** Works on several requests at once and answers each, in order, as soon as it and those before it are done. */
async function* inOrder<Request, Answer>(
  requests: AsyncIterable<Request>,
  most: number,
  work: (request: Request, place: number) => Promise<Answer>,
): AsyncGenerator<Answer> {
  const iterator = requests[Symbol.asyncIterator]();
  const next = (): Promise<IteratorResult<Request>> => attended(iterator.next());
  const pending: Promise<Answer>[] = [];
  let place = 0;
  let reading: Promise<IteratorResult<Request>> | undefined = next();
  try {
    while (reading !== undefined || pending.length > 0) {
      // Whichever comes first: another request, where there is room for one, or the next answer that is due.
      const answered = pending[0]?.then(() => undefined);
      const request = pending.length < most ? reading : undefined;
      const arrived = await Promise.race([request, answered].filter((one) => one !== undefined));
      if (arrived === undefined) yield await (pending.shift() as Promise<Answer>);
      else if (arrived.done === true) reading = undefined;
      else {
        pending.push(attended(work(arrived.value, place)));
        place += 1;
        reading = next();
      }
    }
  } finally {
    void iterator.return?.();
  }
}

/** Its failure is met where it is awaited, which may be later than it happens. */
function attended<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function answerOf([result]: Result[]) {
  return result === undefined ? {} : { result };
}
