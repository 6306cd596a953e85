import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { DeliveryService } from '@tradepost/contracts/delivery';
import { NotificationService } from '@tradepost/contracts/notification';
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import type { Client } from '@tradepost/platform/rpc';
import { createLogger } from '@tradepost/platform/telemetry';
import { readOutbox, refusalOf, type TestPlatform, testPlatform } from '@tradepost/platform/testing';
import { notification } from '../../notification/service.ts';
import { score } from '../../score/service.ts';
import { user } from '../../user/service.ts';
import { delivery } from '../service.ts';

const lines: string[] = [];
const log = createLogger({ level: 'info', format: 'json', destination: { write: (line) => void lines.push(line) } });
let platform: TestPlatform;
let mails: Client<typeof DeliveryService>;
let ada: bigint;

before(async () => {
  platform = await testPlatform({ services: [user, score, notification, delivery], log });
  mails = platform.client(DeliveryService);
  const { user: created } = await platform.client(UserService).createUser({ name: 'Ada', email: 'ada@example.com' });
  ada = created?.id ?? assert.fail('nobody was created');
});
after(() => platform?.close());
beforeEach(() => {
  lines.length = 0;
});

const sending = (): string[] =>
  lines.map((line) => JSON.parse(line).msg as string).filter((msg) => msg.includes('] Sending '));

test('without an SMTP server each congratulation is one documented line, and the mail is in the mailbox', async () => {
  platform.clock.set(new Date(2025, 10, 2, 10, 32, 14));
  for (const change of [15, 20, 5]) {
    await platform.client(ScoreService).sendScoreEvent({ userId: ada, newScore: 700, change });
  }
  await platform.settle();
  const stamps = sending().map((line) => line.slice(0, 21));
  for (const stamp of stamps) assert.match(stamp, /^\[2025-11-02 10:32:\d\d\]$/);
  assert.deepEqual(
    sending().map((line) => line.slice(21)),
    [
      ` Sending congratulation email to user ${ada}: "Your score increased by 15 points!"`,
      ` Sending congratulation email to user ${ada}: "Your score increased by 20 points!"`,
    ],
  );
  const { data } = await mails.listEmails({ userId: ada });
  assert.deepEqual(
    data.map(({ to, subject, status, text }) => ({ to, subject, status, text })),
    [20, 15].map((change) => ({
      ...{ to: 'ada@example.com', subject: 'Your score went up', status: 'sent' },
      text: `Hello Ada,\n\nYour score increased by ${change} points!\n\nKeep it up!\n\nTradepost\n`,
    })),
  );
});

test('what became of a mail is published with its notification', async () => {
  await platform.client(ScoreService).sendScoreEvent({ userId: ada, newScore: 700, change: 30 });
  await platform.settle();
  const { data } = await mails.listEmails({ userId: ada, limit: 1 });
  const { id, notificationId } = data[0] ?? assert.fail('no mail');
  const published = (await readOutbox(platform.database('delivery'), 'delivery_events')).at(-1);
  const { occurred_at, ...event } = JSON.parse(published?.value ?? '{}');
  assert.match(occurred_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(event, {
    ...{ event_type: 'message_sent', email_id: Number(id), notification_id: Number(notificationId) },
    ...{ user_id: Number(ada), channel: 'email', reason: '' },
  });
  const { notification: told } = await platform.client(NotificationService).getNotification({ id: notificationId });
  assert.equal(told?.status, 'sent');
});

test('a mail by request goes to a person, or to an address', async () => {
  const { email: toAda } = await mails.sendEmail({ userId: ada, subject: 'Hello', message: 'Good to have you here.' });
  assert.deepEqual(
    [toAda?.to, toAda?.subject, toAda?.status, toAda?.userId],
    ['ada@example.com', 'Hello', 'queued', ada],
  );
  const { email: direct } = await mails.sendEmail({ to: 'Guest@example.com', subject: 'Hi', message: 'One & <all>' });
  assert.deepEqual([direct?.to, direct?.userId], ['Guest@example.com', undefined]);
  await platform.settle();
  const { email: sent } = await mails.getEmail({ id: direct?.id ?? 0n });
  assert.deepEqual([sent?.status, sent?.attempts.map(({ outcome }) => outcome)], ['sent', ['sent']]);
  assert.match(sent?.html ?? '', /One &amp; &lt;all&gt;/);
  assert.match(sent?.text ?? '', /One & <all>/);
  assert.deepEqual(
    sending()
      .map((line) => line.slice(21))
      .toSorted(),
    [
      ' Sending message email to Guest@example.com: "One & <all>"',
      ` Sending message email to user ${ada}: "Good to have you here."`,
    ].toSorted(),
  );
});

test('a mail with a key is sent once', async () => {
  const request = { to: 'once@example.com', subject: 'Once', message: 'Only once.' };
  const meta = { idempotencyKey: 'mail-1' };
  const sent = await Promise.all([1, 2, 3].map(() => mails.sendEmail(request, { meta }).catch(() => undefined)));
  await mails.sendEmail(request, { meta });
  await platform.settle();
  assert.equal(new Set(sent.filter((one) => one !== undefined).map(({ email }) => email?.id)).size, 1);
  assert.equal(sending().length, 1);
});

test('a mail to nobody, to two at once, or with a header smuggled in is refused', async () => {
  const body = { subject: 'Hello', message: 'Hello' };
  const missing = 'INVALID_ARGUMENT recipient_missing: An e-mail needs a recipient: give user_id, or to, and not both.';
  assert.equal(await refusalOf(mails.sendEmail(body)), missing);
  assert.equal(await refusalOf(mails.sendEmail({ ...body, userId: ada, to: 'x@example.com' })), missing);
  assert.equal(
    await refusalOf(mails.sendEmail({ ...body, userId: 99_999n })),
    'NOT_FOUND user_not_found: There is no user 99999.',
  );
  for (const bad of [
    { ...body, to: 'x@example.com', subject: 'Hi\r\nBcc: all@example.com' },
    { ...body, to: 'x@example.com\r\nBcc: all@example.com' },
    { ...body, to: 'x@example.com, y@example.com' },
    { ...body, to: 'nobody' },
  ]) {
    assert.match(await refusalOf(mails.sendEmail(bad)), /^INVALID_ARGUMENT invalid_request: (subject|to) must/);
  }
  assert.equal(
    await refusalOf(mails.getEmail({ id: 99_999n })),
    'NOT_FOUND email_not_found: There is no e-mail 99999.',
  );
});

test('a notification to a person who is gone by then is not sent, and says so', async () => {
  const users = platform.client(UserService);
  const { user: created } = await users.createUser({ name: 'Leaving', email: 'leaving@example.com' });
  const id = created?.id ?? 0n;
  const { notification: told } = await platform
    .client(NotificationService)
    .createNotification({ userId: id, message: 'Goodbye' });
  await users.deleteUser({ id });
  await platform.settle();
  const { notification: shown } = await platform.client(NotificationService).getNotification({ id: told?.id ?? 0n });
  assert.match(`${shown?.status} ${shown?.reason}`.trim(), /^(sent|not_sent no_address)$/);
});
