// The mailbox: what was sent to whom, and what became of it.
import type { Command } from 'commander';
import { outputOf, withExamples } from '../command-options.ts';
import { withConnection } from '../connect.ts';
import { parseId, wholeNumberArgument } from '../parse-argument.ts';

async function contracts() {
  const [{ DeliveryService, EmailSchema }, { messageShape, shortTime }] = await Promise.all([
    import('@tradepost/contracts/delivery'),
    import('../shapes.ts'),
  ]);
  const row = messageShape(EmailSchema, [
    { title: 'id', value: (email) => email.id, right: true },
    { title: 'to', value: (email) => email.to, most: 40 },
    { title: 'subject', value: (email) => email.subject, most: 60 },
    { title: 'status', value: (email) => (email.reason === '' ? email.status : `${email.status} (${email.reason})`) },
    { title: 'created', value: (email) => shortTime(email.createdAt) },
  ]);
  const whole = messageShape(EmailSchema, [
    ...row.columns.slice(0, 4),
    { title: 'message id', value: (email) => email.messageId },
    { title: 'created', value: (email) => shortTime(email.createdAt) },
    { title: 'sent', value: (email) => shortTime(email.sentAt) },
    { title: 'attempts', value: (email) => email.attempts.map(attemptLine).join('\n') },
    { title: 'text', value: (email) => email.text },
  ]);
  return { DeliveryService, row, whole };
}

function attemptLine(attempt: { number: number; outcome: string; detail: string }): string {
  return `${attempt.number} ${attempt.outcome}${attempt.detail === '' ? '' : `: ${attempt.detail}`}`;
}

export function register(mail: Command): void {
  withExamples(mail, [
    'tradepost mail ls',
    'tradepost mail ls --user 1',
    'tradepost mail show 1',
    'tradepost mail show 1 --html',
  ]);
  mail
    .command('ls')
    .alias('list')
    .description('list mail, newest first')
    .option('--user <id>', "only this person's", parseId)
    .option('--limit <number>', 'how many', wholeNumberArgument('--limit', 1, 200), 50)
    .option('--cursor <cursor>', 'where an earlier list ended')
    .action(async (options: { user?: bigint; limit: number; cursor?: string }, command: Command) => {
      const { DeliveryService, row } = await contracts();
      const output = outputOf(command);
      await withConnection(command, async (connection) => {
        const { user: userId = 0n, limit, cursor = '' } = options;
        const page = await connection.client(DeliveryService).listEmails({ userId, limit, cursor });
        output.list(row, page.data, "No mail yet: 'tradepost score send --user 1 --change 15' makes one.");
        if (page.hasMore) output.more(`--cursor ${page.nextCursor}`);
      });
    });
  mail
    .command('show <id>')
    .description('show one mail as it was sent')
    .option('--html', 'only its HTML')
    .option('--text', 'only its text')
    .action(async (id: string, options: { html?: boolean; text?: boolean }, command: Command) => {
      const request = { id: parseId(id) };
      const { DeliveryService, whole } = await contracts();
      await withConnection(command, async (connection) => {
        const { email } = await connection.client(DeliveryService).getEmail(request);
        if (email === undefined) return;
        if (options.html === true) process.stdout.write(`${email.html}\n`);
        else if (options.text === true) process.stdout.write(`${email.text}\n`);
        else outputOf(command).one(whole, email);
      });
    });
}
