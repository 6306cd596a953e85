// Messages that a consumer could not handle: look, mend, replay, give up.
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import type { Connection } from '../connect.ts';
import { withConnection } from '../connect.ts';
import { usageFailure } from '../failure.ts';
import { parseId, wholeNumberArgument } from '../parse-argument.ts';

async function contracts() {
  const [operations, { messageShape, shortTime }] = await Promise.all([
    import('@tradepost/contracts/operations'),
    import('../shapes.ts'),
  ]);
  const row = messageShape(operations.ParkedSchema, [
    { title: 'service', value: ({ service }) => service },
    { title: 'id', value: ({ id }) => id, right: true },
    { title: 'state', value: ({ state }) => state },
    { title: 'consumer', value: ({ consumer }) => consumer },
    { title: 'key', value: ({ event }) => event?.key, most: 20 },
    { title: 'attempts', value: ({ attempts }) => attempts, right: true },
    { title: 'held behind', value: ({ heldBehind }) => heldBehind, right: true },
    { title: 'next try', value: ({ nextAttemptAt }) => shortTime(nextAttemptAt) },
    { title: 'error', value: ({ error }) => error, most: 60 },
  ]);
  const whole = messageShape(operations.ParkedSchema, [
    ...row.columns,
    { title: 'event', value: ({ event }) => event?.id },
    { title: 'type', value: ({ event }) => event?.type },
    { title: 'failed first', value: ({ firstFailedAt }) => shortTime(firstFailedAt) },
    { title: 'fingerprint', value: ({ fingerprint }) => fingerprint },
    { title: 'note', value: ({ note }) => note },
    { title: 'value', value: ({ event }) => event?.value },
    { title: 'original', value: ({ originalValue }) => originalValue },
    { title: 'stack', value: ({ stack }) => stack },
  ]);
  return { ...operations, row, whole };
}

export function register(dlq: Command): void {
  withExamples(dlq, [
    'tradepost dlq ls',
    'tradepost dlq show notification 7',
    `tradepost dlq edit notification 7 --value '{"user_id":42,"new_score":730,"change":15}'`,
    'tradepost dlq replay notification 7',
    'tradepost dlq replay notification --consumer notification.score-events --dry-run',
    'tradepost dlq drop notification 7 --note "a test of theirs"',
  ]);
  registerLooking(dlq);
  registerEdit(dlq);
  registerReplay(dlq);
  dlq
    .command('drop <service> <id>')
    .description('give a dead message up; its key flows on')
    .requiredOption('--note <text>', 'why, for whoever asks later')
    .action(async (service: string, id: string, options: { note: string }, command: Command) => {
      const request = { service, id: parseId(id), note: options.note };
      const { OperationsService } = await contracts();
      await withConnection(command, async (connection) => {
        await connection.client(OperationsService).dropParked(request);
        outputOf(command).say(`Message ${id} of ${service} was given up.`);
      });
    });
}

interface ListOptions {
  readonly service?: string;
  readonly consumer?: string;
  readonly state?: string;
  readonly key?: string;
  readonly limit: number;
  readonly cursor?: string;
}

function registerLooking(dlq: Command): void {
  dlq
    .command('ls')
    .alias('list')
    .description('list parked messages: waiting for a retry, held behind one that waits, or dead')
    .option('--service <name>', 'only of this service')
    .option('--consumer <name>', 'only of this consumer')
    .option('--state <state>', 'waiting, held, dead, dropped or resolved')
    .option('--key <key>', 'only of this key')
    .option('--limit <number>', 'how many', wholeNumberArgument('--limit', 1, 200), 50)
    .option('--cursor <cursor>', 'where an earlier list ended')
    .action(async ({ service = '', consumer = '', state = '', key = '', ...page }: ListOptions, command: Command) => {
      const { OperationsService, row } = await contracts();
      const request = { service, consumer, state, key, limit: page.limit, cursor: page.cursor ?? '' };
      const output = outputOf(command);
      await withConnection(command, async (connection) => {
        const answer = await connection.client(OperationsService).listParked(request);
        output.list(row, answer.data, 'Nothing is parked: every message was handled.');
        if (answer.hasMore) output.more(`--cursor ${answer.nextCursor}`);
      });
    });
  dlq
    .command('show <service> <id>')
    .description('one of them with its value, error and stack')
    .action(async (service: string, id: string, _options, command: Command) => {
      const request = { service, id: parseId(id) };
      const { OperationsService, whole } = await contracts();
      await withConnection(command, async (connection) => {
        const { parked } = await connection.client(OperationsService).getParked(request);
        if (parked !== undefined) outputOf(command).one(whole, parked);
      });
    });
}

function registerEdit(dlq: Command): void {
  dlq
    .command('edit <service> <id>')
    .description('replace the value of a dead message; without --value your editor opens')
    .option('--value <json>', 'the new value, or @file')
    .option('--note <text>', 'why', '')
    .action(async (service: string, id: string, options: { value?: string; note: string }, command: Command) => {
      const request = { service, id: parseId(id) };
      const { OperationsService, whole } = await contracts();
      await withConnection(command, async (connection) => {
        const value = options.value ?? (await editedValue(connection, request));
        const edited = { ...request, note: options.note, value: await valueText(value) };
        const { parked } = await connection.client(OperationsService).editParked(edited);
        const output = outputOf(command);
        if (parked !== undefined) output.one(whole, parked);
        output.say(`Run it: tradepost dlq replay ${service} ${id}`);
      });
    });
}

async function valueText(value: string): Promise<string> {
  if (!value.startsWith('@')) return value;
  const { readFileSync } = await import('node:fs');
  try {
    return readFileSync(value.slice(1), 'utf8').trim();
  } catch (error) {
    throw usageFailure(`${value.slice(1)} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

async function editedValue(connection: Connection, request: { service: string; id: bigint }): Promise<string> {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    throw usageFailure('without a terminal the new value has to be given', `--value '{…}', or --value @file.json`);
  }
  const { OperationsService } = await contracts();
  const { parked } = await connection.client(OperationsService).getParked(request);
  const { editText } = await import('../edit-text.ts');
  return editText(parked?.event?.value ?? '', `${request.service}-${request.id}.json`);
}

interface ReplayOptions {
  readonly consumer?: string;
  readonly key?: string;
  readonly fingerprint?: string;
  readonly dryRun?: boolean;
  readonly all?: boolean;
}

function registerReplay(dlq: Command): void {
  dlq
    .command('replay <service> [ids...]')
    .description('run dead messages again, each with its own id through its own consumer')
    .option('--consumer <name>', 'all of this consumer')
    .option('--key <key>', 'all of this key')
    .option('--fingerprint <fingerprint>', 'all that failed in this way')
    .option('--all', "all of the service's")
    .option('--dry-run', 'only count them')
    .action(async (service: string, given: string[], options: ReplayOptions, command: Command) => {
      const { consumer = '', key = '', fingerprint = '', dryRun = false, all = false } = options;
      const ids = given.map(parseId);
      if (ids.length === 0 && !all && consumer === '' && key === '' && fingerprint === '') {
        throw usageFailure('nothing says which messages', 'give ids, --consumer, --key, --fingerprint or --all');
      }
      const { OperationsService, ReplayParkedResponseSchema } = await contracts();
      const { messageShape } = await import('../shapes.ts');
      await withConnection(command, async (connection) => {
        const request = { service, ids, consumer, key, fingerprint, dryRun };
        const answer = await connection.client(OperationsService).replayParked(request);
        const shape = messageShape(ReplayParkedResponseSchema, [
          { title: 'matched', value: ({ matched }) => matched },
          { title: 'replayed', value: ({ replayed }) => replayed },
        ]);
        outputOf(command).one(shape, answer);
      });
    });
}
