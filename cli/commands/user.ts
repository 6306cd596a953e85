// People, one by one or from a file.
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import { withConnection } from '../connect.ts';
import { usageFailure } from '../failure.ts';
import { parseId, wholeNumberArgument } from '../parse-argument.ts';

interface PersonOptions {
  readonly name?: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly nickname?: string;
  readonly email?: string;
  readonly country?: string;
}

function personOptions(command: Command): Command {
  return command
    .option('--name <name>', 'what is shown')
    .option('--first-name <name>', 'first name')
    .option('--last-name <name>', 'last name')
    .option('--nickname <name>', 'nickname')
    .option('--email <address>', 'e-mail address')
    .option('--country <code>', 'ISO 3166-1 code: GB or GBR');
}

/** Only what was given: an absent field stays as it is. */
function personFields({ name, firstName, lastName, nickname, email, country }: PersonOptions) {
  const fields = { name, firstName, lastName, nickname, email, country };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<
    typeof fields
  >;
}

async function userShape() {
  const [{ UserSchema }, { messageShape, shortTime }] = await Promise.all([
    import('@tradepost/contracts/user'),
    import('../shapes.ts'),
  ]);
  return messageShape(UserSchema, [
    { title: 'id', value: (user) => user.id, right: true },
    { title: 'name', value: (user) => user.name, most: 40 },
    { title: 'email', value: (user) => user.email, most: 50 },
    { title: 'country', value: (user) => user.country },
    { title: 'revision', value: (user) => user.revision, right: true },
    { title: 'created', value: (user) => shortTime(user.createdAt) },
  ]);
}

async function service() {
  return (await import('@tradepost/contracts/user')).UserService;
}

export function register(user: Command): void {
  withExamples(user, [
    'tradepost user create --name "Ada Lovelace" --email ada@example.com',
    'tradepost user get 1',
    'tradepost user list --all --output ndjson',
    'tradepost user import examples/users.ndjson',
  ]);
  registerSingle(user);
  registerList(user);
  registerImport(user);
}

function registerSingle(user: Command): void {
  personOptions(user.command('create').description('register a person')).action(
    async (options: PersonOptions, command: Command) => {
      if (options.email === undefined) throw usageFailure('--email is needed', 'tradepost user create --help');
      const UserService = await service();
      await withConnection(command, async (connection) => {
        const fields = { ...personFields(options), email: options.email as string };
        const { user: person } = await connection.client(UserService).createUser(fields);
        if (person !== undefined) outputOf(command).one(await userShape(), person);
      });
    },
  );
  user
    .command('get <id>')
    .description('show one person')
    .action(async (id: string, _options, command: Command) => {
      const request = { id: parseId(id) };
      const UserService = await service();
      await withConnection(command, async (connection) => {
        const { user: person } = await connection.client(UserService).getUser(request);
        if (person !== undefined) outputOf(command).one(await userShape(), person);
      });
    });
  personOptions(user.command('update <id>').description('change the given fields of a person'))
    .option('--revision <number>', 'refuse when the person has another revision', parseId)
    .action(async (id: string, options: PersonOptions & { revision?: bigint }, command: Command) => {
      const fields = personFields(options);
      if (Object.keys(fields).length === 0) throw usageFailure('nothing is to be changed', 'give --name, --email, …');
      const request = { id: parseId(id), ...fields, revision: options.revision ?? 0n };
      const UserService = await service();
      await withConnection(command, async (connection) => {
        const { user: person } = await connection.client(UserService).updateUser(request);
        if (person !== undefined) outputOf(command).one(await userShape(), person);
      });
    });
  user
    .command('delete <id>')
    .description('delete a person; the e-mail address becomes free')
    .action(async (id: string, _options, command: Command) => {
      const request = { id: parseId(id) };
      const UserService = await service();
      await withConnection(command, async (connection) => {
        await connection.client(UserService).deleteUser(request);
        outputOf(command).say(`Person ${id} was deleted.`);
      });
    });
}

function registerList(user: Command): void {
  user
    .command('list')
    .alias('ls')
    .description('list people, oldest first')
    .option('--limit <number>', 'how many', wholeNumberArgument('--limit', 1, 200), 50)
    .option('--cursor <cursor>', 'where an earlier list ended')
    .option('--all', 'all of them, page by page')
    .action(async (options: { limit: number; cursor?: string; all?: boolean }, command: Command) => {
      const UserService = await service();
      const shape = await userShape();
      const output = outputOf(command);
      await withConnection(command, async (connection) => {
        const client = connection.client(UserService);
        let page = await client.listUsers({ limit: options.all ? 200 : options.limit, cursor: options.cursor ?? '' });
        if (!options.all) {
          output.list(shape, page.data, "There is nobody yet: 'tradepost user create' makes a person.");
          if (page.hasMore) output.more(`--all, or --cursor ${page.nextCursor}`);
          return;
        }
        const everyone = [...page.data];
        while (page.hasMore) {
          page = await client.listUsers({ limit: 200, cursor: page.nextCursor });
          everyone.push(...page.data);
        }
        output.list(shape, everyone, 'There is nobody yet.');
      });
    });
}

function registerImport(user: Command): void {
  withExamples(user.command('import <file>').description('register people from a file, one JSON object a line'), [
    'tradepost user import examples/users.ndjson',
    'tradepost user import - < users.ndjson        run again after a failure: who is registered stays as it is',
  ])
    .option('--feed <name>', 'names the file in idempotency keys (default: its file name)')
    .option('--report <file>', 'write what became of every refused line, as NDJSON')
    .action(async (file: string, options: { feed?: string; report?: string }, command: Command) => {
      const { importUsers } = await import('../imports/import-users.ts');
      await withConnection(command, (connection) =>
        importUsers({ connection, file, output: outputOf(command), ...options }),
      );
    });
}
