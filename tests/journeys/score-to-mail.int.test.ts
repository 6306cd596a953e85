import assert from 'node:assert/strict';
import test from 'node:test';
import { DeliveryService } from '@tradepost/contracts/delivery';
import { NotificationService } from '@tradepost/contracts/notification';
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import { testPlatform } from '@tradepost/platform/testing';
import { topology } from '../../deploy/topology.ts';

const services = topology.map(({ service }) => service);

test('a score event becomes a notification and a mail to the person', async (t) => {
  const platform = await testPlatform({ services });
  t.after(() => platform.close());
  const { user } = await platform.client(UserService).createUser({ name: 'Ada Lovelace', email: 'ada@example.com' });
  assert.equal(user?.id, 1n);
  const scores = platform.client(ScoreService);
  await scores.sendScoreEvent({ userId: 1n, newScore: 730, change: 15 });
  await scores.sendScoreEvent({ userId: 1n, newScore: 735, change: 5 });
  await scores.sendScoreEvent({ userId: 1n, newScore: 725, change: -10 });
  await platform.settle();

  const { data: notifications } = await platform.client(NotificationService).listNotifications({ userId: 1n });
  assert.deepEqual(
    notifications.map(({ message, status, reason }) => ({ message, status, reason })),
    [
      { message: 'Your score changed by -10 points', status: 'not_sent', reason: 'silent' },
      { message: 'Your score changed by 5 points', status: 'not_sent', reason: 'silent' },
      { message: 'Your score increased by 15 points!', status: 'sent', reason: '' },
    ],
  );
  const { data: mails } = await platform.client(DeliveryService).listEmails({});
  assert.deepEqual(
    mails.map(({ to, status, text }) => ({ to, status, text })),
    [
      {
        to: 'ada@example.com',
        status: 'sent',
        text: 'Hello Ada Lovelace,\n\nYour score increased by 15 points!\n\nKeep it up!\n\nTradepost\n',
      },
    ],
  );
  const { score } = await scores.getScore({ userId: 1n });
  assert.deepEqual([score?.score, score?.lastChange, score?.events], [725, -10, 3n]);
});
