// Events as they are logged.
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import { withConnection } from '../connect.ts';
import { usageFailure } from '../failure.ts';
import { wholeNumberArgument } from '../parse-argument.ts';

async function contracts() {
  const [{ EventSchema, GetEventResponseSchema, OperationsService }, { messageShape, shortTime, timeText }] =
    await Promise.all([import('@tradepost/contracts/operations'), import('../shapes.ts')]);
  const row = messageShape(EventSchema, [
    { title: 'time', value: (event) => shortTime(event.occurredAt) },
    { title: 'topic', value: (event) => event.topic },
    { title: 'key', value: (event) => event.key, most: 20 },
    { title: 'type', value: (event) => event.type.split('.').at(-1) },
    { title: 'at', value: (event) => `${event.partition}/${event.sequence}` },
    { title: 'id', value: (event) => event.id },
    { title: 'value', value: (event) => event.value, most: 80 },
  ]);
  const whole = messageShape(GetEventResponseSchema, [
    { title: 'id', value: ({ event }) => event?.id },
    { title: 'type', value: ({ event }) => event?.type },
    { title: 'producer', value: ({ event }) => event?.producer },
    { title: 'topic', value: ({ event }) => event?.topic },
    { title: 'place', value: ({ event }) => `partition ${event?.partition}, sequence ${event?.sequence}` },
    { title: 'key', value: ({ event }) => event?.key },
    { title: 'occurred', value: ({ event }) => timeText(event?.occurredAt) },
    { title: 'correlation', value: ({ event }) => event?.correlationId },
    { title: 'caused by', value: ({ event }) => event?.causationId },
    { title: 'trace', value: ({ event }) => event?.traceparent },
    { title: 'consumers', value: ({ consumers }) => consumers.map((at) => `${at.consumer}: ${at.state}`).join('\n') },
    { title: 'value', value: ({ event }) => indentJson(event?.value ?? '') },
  ]);
  return { OperationsService, row, whole };
}

function indentJson(value: string): string {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

export function register(events: Command): void {
  withExamples(events, [
    'tradepost events tail',
    'tradepost events tail --topic score_events --key 42 --output ndjson',
    'tradepost events show 0193b0c4-5a3e-7c1e-9f5e-3f0c7b1d2a44',
  ]);
  events
    .command('tail')
    .description('the last events, then each new one; ends with Ctrl-C')
    .option('--topic <topic>', 'only of this topic')
    .option('--key <key>', 'only of this key')
    .option('-n, --backlog <number>', 'how many of the past first', wholeNumberArgument('--backlog', 0, 1000), 20)
    .option('--count <number>', 'end after so many', wholeNumberArgument('--count', 1, 1_000_000_000))
    .action(async (options: { topic?: string; key?: string; backlog: number; count?: number }, command: Command) => {
      const { OperationsService, row } = await contracts();
      const output = outputOf(command);
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      await withConnection(command, async (connection) => {
        const { topic = '', key = '', backlog, count = Infinity } = options;
        let shown = 0;
        try {
          const client = connection.client(OperationsService);
          for await (const { event } of client.tailEvents({ topic, key, backlog }, { signal: stop.signal })) {
            if (event !== undefined) output.next(row, event);
            shown += 1;
            if (shown >= count) break;
          }
        } catch (error) {
          if (!stop.signal.aborted) throw error;
        }
      });
    });
  events
    .command('show <id>')
    .description('one event, with what every consumer made of it')
    .action(async (id: string, _options, command: Command) => {
      if (!/^[0-9a-f-]{36}$/i.test(id)) throw usageFailure(`an event's id is a UUID, not "${id}"`);
      const { OperationsService, whole } = await contracts();
      await withConnection(command, async (connection) => {
        outputOf(command).one(whole, await connection.client(OperationsService).getEvent({ id: id.toLowerCase() }));
      });
    });
}
