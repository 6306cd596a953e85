// Reads events for operators: one by its id with what became of it, or the last ones and then each new one.
import type { GetEventRequest, TailEventsRequest } from '@tradepost/contracts/operations';
import { findRecord, type LogRecord, lastRecords, listParked, type Position, readCursor } from '../events/index.ts';
import { systemClock } from '../time/index.ts';
import { toEventMessage } from './event-message.ts';
import { refuseOperation } from './operation-refusals.ts';
import type { OperatedProcess, OperatedService } from './sources.ts';

const READ_LIMIT = 500;

export async function getEvent(process: OperatedProcess, { id }: GetEventRequest) {
  for (const service of process.services()) {
    const record = await findRecord(service.pipeline, id);
    if (record === undefined) continue;
    return { event: toEventMessage(record), consumptions: await consumptionsOf(process, record) };
  }
  throw refuseOperation('event_not_found', { id });
}

async function consumptionsOf(process: OperatedProcess, record: LogRecord) {
  const found: { consumer: string; state: string }[] = [];
  for (const service of process.services()) {
    for (const { consumer, on } of service.consumers()) {
      if (!on.some(({ type }) => type === record.type)) continue;
      const filter = { consumer: consumer.name, messageId: record.id };
      const [parked] = await listParked(service.main, filter, { limit: 1 });
      const state = parked?.state ?? (await stateByCursor(service, consumer.name, record));
      found.push({ consumer: consumer.name, state: state === 'resolved' ? 'applied' : state });
    }
  }
  return found;
}

async function stateByCursor(service: OperatedService, consumer: string, record: LogRecord): Promise<string> {
  const cursor = await readCursor(service.main, { consumer, producer: record.producer });
  const place = cursor?.partitions.find(({ topic, part }) => topic === record.topic && part === record.part);
  return place !== undefined && place.after >= record.sequence ? 'applied' : 'pending';
}

/** Past events first, oldest first; then each new one, until the caller goes away. */
export async function* tailEvents(process: OperatedProcess, request: TailEventsRequest, signal: AbortSignal) {
  const tails = await Promise.all(process.services().map((service) => openTail(service, request)));
  const past = tails.flatMap(({ records }) => records).sort((one, other) => +one.occurredAt - +other.occurredAt);
  for (const record of past.slice(-request.backlog)) if (request.backlog > 0) yield { event: toEventMessage(record) };
  let wake: () => void = () => {};
  const stops = process.services().map(({ reader }) => reader.onAdvance(() => wake()));
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      let found = 0;
      for (const tail of tails) {
        const records = await tail.read();
        found += records.length;
        for (const record of records) {
          if (request.key === '' || record.key === request.key) yield { event: toEventMessage(record) };
        }
      }
      // Polling is the truth; a wake-up only makes it sooner.
      if (found === 0) await Promise.race([woken, systemClock.sleep(1000, signal)]);
    }
  } finally {
    for (const stop of stops) stop();
  }
}

interface Tail {
  readonly records: readonly LogRecord[];
  read(): Promise<readonly LogRecord[]>;
}

/** The end of a service's log at this moment: the past up to it, and what follows. */
async function openTail({ reader, pipeline }: OperatedService, request: TailEventsRequest): Promise<Tail> {
  const topics = async (): Promise<string[]> => {
    const rows = await pipeline.query<{ topic: string }>('select distinct topic from tradepost.log_parts');
    return rows.map(({ topic }) => topic).filter((topic) => request.topic === '' || topic === request.topic);
  };
  const positions = new Map<string, Position>();
  for (const { topic, part, head } of await reader.heads(await topics())) {
    positions.set(`${topic}/${part}`, { topic, part, after: head });
  }
  const records: LogRecord[] = [];
  if (request.backlog > 0) {
    const options = { limit: request.backlog, ...(request.key === '' ? {} : { key: request.key }) };
    for (const topic of await topics()) records.push(...(await lastRecords(pipeline, { topic, ...options })));
  }
  return {
    records: records.filter(
      ({ topic, part, sequence }) => sequence <= (positions.get(`${topic}/${part}`)?.after ?? 0n),
    ),
    async read() {
      // A partition that came into being after the tail began is read from its first record.
      for (const { topic, part, firstRetained } of await reader.heads(await topics())) {
        const name = `${topic}/${part}`;
        if (!positions.has(name)) positions.set(name, { topic, part, after: firstRetained - 1n });
      }
      const read = await reader.read([...positions.values()], READ_LIMIT);
      for (const { topic, part, sequence } of read) positions.set(`${topic}/${part}`, { topic, part, after: sequence });
      return read;
    },
  };
}
