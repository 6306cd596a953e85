// Delivery against a real SMTP server that behaves as the test at hand says.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryService } from '@tradepost/contracts/delivery';
import { NotificationService } from '@tradepost/contracts/notification';
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import { createLogger } from '@tradepost/platform/telemetry';
import { type TestPlatform, testPlatform } from '@tradepost/platform/testing';
import { SMTPServer } from 'smtp-server';
import { notification } from '../../notification/service.ts';
import { score } from '../../score/service.ts';
import { user } from '../../user/service.ts';
import { delivery } from '../service.ts';

interface Arrived {
  readonly to: string;
  readonly messageId: string;
  readonly source: string;
}

type Behaviour = 'accept' | 'away' | 'drop after acceptance' | { readonly code: number; readonly text: string };

// An outage is an error in the log, and here it is meant.
const quiet = createLogger({ level: 'fatal', format: 'json' });
const arrived: Arrived[] = [];
const sockets = new Set<Socket>();
let behaviour: Behaviour = 'accept';

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  closeTimeout: 100,
  onConnect: (_session, callback) =>
    callback(behaviour === 'away' ? Object.assign(new Error('closed for now'), { responseCode: 421 }) : undefined),
  onRcptTo(_address, _session, callback) {
    if (typeof behaviour === 'string') callback();
    else callback(Object.assign(new Error(behaviour.text), { responseCode: behaviour.code }));
  },
  onData(stream, session, callback) {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const source = Buffer.concat(chunks).toString('utf8').replaceAll('=\r\n', '');
      const messageId = source.match(/^Message-ID: (<[^>]+>)/m)?.[1] ?? '';
      arrived.push({ to: session.envelope.rcptTo[0]?.address ?? '', messageId, source });
      if (behaviour === 'drop after acceptance') {
        behaviour = 'accept';
        for (const socket of sockets) socket.destroy();
      } else callback();
    });
  },
});
server.on('error', () => {});
server.server.on('connection', (socket: Socket) => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
});

let platform: TestPlatform;
let next = 0;

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as { port: number };
  platform = await testPlatform({
    services: [user, score, notification, delivery],
    env: { SMTP_URL: `smtp://127.0.0.1:${port}`, MAIL_FROM: 'Tradepost <post@tradepost.example>' },
    log: quiet,
  });
});
after(async () => {
  await platform?.close();
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
afterEach(() => {
  behaviour = 'accept';
  arrived.length = 0;
});

async function register(name = 'Ada Lovelace'): Promise<{ id: bigint; email: string }> {
  next += 1;
  const { user: created } = await platform.client(UserService).createUser({ name, email: `smtp${next}@example.com` });
  return created ?? assert.fail('nobody was created');
}

const congratulate = (userId: bigint): Promise<unknown> =>
  platform.client(ScoreService).sendScoreEvent({ userId, newScore: 730, change: 15 });

async function mailOf(userId: bigint) {
  const { data } = await platform.client(DeliveryService).listEmails({ userId });
  return (await platform.client(DeliveryService).getEmail({ id: data[0]?.id ?? 0n })).email ?? assert.fail('no mail');
}

async function statusShown(userId: bigint): Promise<string> {
  const { data } = await platform.client(NotificationService).listNotifications({ userId });
  return `${data[0]?.status} ${data[0]?.reason}`.trim();
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const late = performance.now() + 10_000;
  while (!(await isSo())) {
    if (performance.now() > late) assert.fail(`it did not come to pass: ${what}`);
    await sleep(10);
  }
}

const effectState = (): string | undefined => platform.core.work.get('delivery')?.effects?.status()[0]?.state;

test('a congratulation arrives once, as text and HTML, from and to whom it should', async () => {
  const { id, email } = await register('Ada <b>Lovelace</b> & Co');
  await congratulate(id);
  await platform.settle();
  assert.deepEqual(
    arrived.map(({ to }) => to),
    [email],
  );
  const { source, messageId } = arrived[0] ?? assert.fail('no mail');
  assert.match(source, /^From: Tradepost <post@tradepost\.example>\r$/m);
  assert.match(source, /^Subject: Your score went up\r$/m);
  assert.match(messageId, /^<[0-9a-f-]{36}@tradepost\.example>$/);
  const [text = '', html = ''] = source.split('Content-Type: text/html');
  assert.match(text, /Content-Type: text\/plain/);
  assert.match(text, /Hello Ada <b>Lovelace<\/b> & Co,\r\n\r\nYour score increased by 15 points!/);
  assert.match(html, /Ada &lt;b&gt;Lovelace&lt;\/b&gt; &amp; Co/);
  assert.match(html, /Your score increased by 15 points!/);
  assert.doesNotMatch(html, /<b>Lovelace/);
  const mail = await mailOf(id);
  assert.deepEqual([mail.status, mail.messageId, mail.attempts.length], ['sent', messageId, 1]);
  assert.equal(await statusShown(id), 'sent');
});

test('a mailbox that is busy is tried again later, under the same Message-ID', async () => {
  const { id } = await register();
  behaviour = { code: 451, text: 'mailbox busy' };
  await congratulate(id);
  await until('a failed attempt', async () => (await mailOf(id).catch(() => undefined))?.attempts.length === 1);
  assert.deepEqual([(await mailOf(id)).status, await statusShown(id)], ['queued', 'queued']);
  behaviour = 'accept';
  platform.clock.advance(60_000);
  await platform.settle();
  const mail = await mailOf(id);
  assert.deepEqual(
    mail.attempts.map(({ number, outcome }) => `${number} ${outcome}`),
    ['1 failed', '2 sent'],
  );
  assert.match(mail.attempts[0]?.detail ?? '', /mailbox busy/);
  assert.deepEqual(
    arrived.map(({ messageId }) => messageId),
    [mail.messageId],
  );
  assert.equal(await statusShown(id), 'sent');
});

test('an outage of the server buries nothing: everything arrives afterwards, each mail once', async () => {
  const people = await Promise.all(Array.from({ length: 25 }, () => register()));
  behaviour = 'away';
  for (const socket of sockets) socket.destroy();
  await Promise.all(people.map(({ id }) => congratulate(id)));
  await until('a pause', () => effectState() === 'paused');
  const failed = await platform
    .database('delivery')
    .query(`select 1 from tradepost.effects where state in ('given_up', 'rejected')`);
  assert.deepEqual([arrived.length, failed.length], [0, 0]);
  behaviour = 'accept';
  await platform.settle(20_000);
  assert.deepEqual(arrived.map(({ to }) => to).toSorted(), people.map(({ email }) => email).toSorted());
  assert.equal(effectState(), 'running');
  const unsent = await platform.database('delivery').query(`select id from emails where status <> 'sent'`);
  assert.deepEqual(unsent, []);
  // What failed in the outage is shown, and what came of it at last.
  const mails = await Promise.all(people.map(({ id }) => mailOf(id)));
  assert.ok(mails.some(({ attempts }) => attempts.length > 1));
  for (const { attempts } of mails) {
    assert.equal(attempts.at(-1)?.outcome, 'sent');
    assert.deepEqual(
      attempts.map(({ number }) => number),
      attempts.map((_, place) => place + 1),
    );
  }
});

test('a server that accepts and then drops the connection gets the mail again with the same Message-ID', async () => {
  const { id, email } = await register();
  behaviour = 'drop after acceptance';
  await congratulate(id);
  await until('the first acceptance', () => arrived.length > 0);
  await platform.settle(20_000);
  const mail = await mailOf(id);
  assert.deepEqual(
    arrived.map(({ to, messageId }) => ({ to, messageId })),
    [
      { to: email, messageId: mail.messageId },
      { to: email, messageId: mail.messageId },
    ],
  );
  assert.equal(mail.status, 'sent');
});

test('a bounce is recorded, tried no more, and shown on the notification with the reason', async () => {
  const { id } = await register();
  behaviour = { code: 550, text: 'no such mailbox' };
  await congratulate(id);
  await platform.settle();
  const mail = await mailOf(id);
  assert.equal(mail.status, 'bounced');
  assert.match(mail.reason, /no such mailbox/);
  assert.deepEqual(
    mail.attempts.map(({ outcome }) => outcome),
    ['bounced'],
  );
  assert.match(await statusShown(id), /^bounced .*no such mailbox/);
  behaviour = 'accept';
  platform.clock.advance(86_400_000);
  await platform.settle();
  assert.deepEqual(arrived, []);
});

test('mails of one person arrive in the order of their events', async () => {
  const { id } = await register();
  for (const change of [11, 12, 13, 14, 15]) {
    await platform.client(ScoreService).sendScoreEvent({ userId: id, newScore: 700, change });
  }
  await platform.settle();
  assert.deepEqual(
    arrived.map(({ source }) => source.match(/increased by (\d+) points/)?.[1]),
    ['11', '12', '13', '14', '15'],
  );
});
