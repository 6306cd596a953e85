// Score events: one by hand, or a feed from a file.
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import { withConnection } from '../connect.ts';
import { parseId, wholeNumberArgument } from '../parse-argument.ts';

const INT32 = 2 ** 31;

interface SendOptions {
  readonly user: bigint;
  readonly change: number;
  readonly score?: number;
  readonly key?: string;
}

export function register(score: Command): void {
  withExamples(score, [
    'tradepost score send --user 1 --change 15',
    'tradepost score import examples/score-feed.ndjson',
    'tradepost score show 1',
  ]);
  score
    .command('send')
    .description('send one score event')
    .requiredOption('--user <id>', 'whose score', parseId)
    .requiredOption('--change <points>', 'by how much it changed', wholeNumberArgument('--change', -INT32, INT32 - 1))
    .option('--score <points>', 'the new score (default: the present one and the change)', scoreArgument())
    .option('--key <key>', 'idempotency key: a repeat gets the first answer')
    .action(async (options: SendOptions, command: Command) => {
      const { ScoreService, SendScoreEventResponseSchema } = await import('@tradepost/contracts/score');
      const { messageShape } = await import('../shapes.ts');
      await withConnection(command, async (connection) => {
        const client = connection.client(ScoreService);
        const newScore = options.score ?? Math.max(0, (await presentScore(client, options.user)) + options.change);
        const request = { userId: options.user, newScore, change: options.change };
        const meta = options.key === undefined ? {} : { meta: { idempotencyKey: options.key } };
        const answer = await client.sendScoreEvent(request, meta);
        const shape = messageShape(SendScoreEventResponseSchema, [
          { title: 'status', value: ({ status }) => status },
          { title: 'event', value: ({ eventId }) => eventId },
          { title: 'new score', value: () => newScore },
        ]);
        const output = outputOf(command);
        output.one(shape, answer);
        output.say(`Follow it: 'tradepost events tail', 'tradepost mail ls --user ${options.user}'`);
      });
    });
  registerShow(score);
  registerImport(score);
}

function scoreArgument(): (text: string) => number {
  return wholeNumberArgument('--score', 0, INT32 - 1);
}

interface ScoreReader {
  getScore(request: { userId: bigint }): Promise<{ readonly score?: { readonly score?: number } | undefined }>;
}

/** Where nobody had a score yet, a feed's usual starting point. */
async function presentScore(client: ScoreReader, userId: bigint): Promise<number> {
  const { score } = await client.getScore({ userId });
  return score?.score ?? 700;
}

function registerShow(score: Command): void {
  score
    .command('show <user>')
    .description("a person's score and its last changes")
    .option('--limit <number>', 'how many changes', wholeNumberArgument('--limit', 1, 200), 20)
    .action(async (user: string, options: { limit: number }, command: Command) => {
      const userId = parseId(user);
      const { ScoreService, StoredScoreEventSchema } = await import('@tradepost/contracts/score');
      const { messageShape, shortTime } = await import('../shapes.ts');
      await withConnection(command, async (connection) => {
        const client = connection.client(ScoreService);
        const [{ score: present }, page] = await Promise.all([
          client.getScore({ userId }),
          client.listScoreEvents({ userId, limit: options.limit }),
        ]);
        const output = outputOf(command);
        output.say(`Person ${user} has a score of ${present?.score ?? 'nothing yet'}.`);
        const shape = messageShape(StoredScoreEventSchema, [
          { title: 'event', value: (event) => event.eventId, right: true },
          { title: 'new score', value: (event) => event.newScore, right: true },
          { title: 'change', value: (event) => event.change, right: true },
          { title: 'time', value: (event) => shortTime(event.createdAt) },
        ]);
        output.list(shape, page.data, 'No score event yet.');
      });
    });
}

function registerImport(score: Command): void {
  withExamples(score.command('import <file>').description('send a feed: one JSON object a line'), [
    'tradepost score import examples/score-feed.ndjson',
    'tradepost score import feed.ndjson --report refused.ndjson    run again after a failure: nothing is done twice',
    'generate-feed | tradepost score import - --feed monday',
  ])
    .option('--feed <name>', 'names the file in idempotency keys (default: its file name)')
    .option('--report <file>', 'write every refused line with its reason, as NDJSON')
    .option(
      '--wait <seconds>',
      'wait so long for the notifications; 0: not',
      wholeNumberArgument('--wait', 0, 3600),
      60,
    )
    .action(async (file: string, options: { feed?: string; report?: string; wait: number }, command: Command) => {
      const { importScores } = await import('../imports/import-scores.ts');
      await withConnection(command, (connection) =>
        importScores({ connection, file, output: outputOf(command), ...options }),
      );
    });
}
