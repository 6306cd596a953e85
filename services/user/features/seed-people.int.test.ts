import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserService } from '@tradepost/contracts/user';
import { testPlatform } from '@tradepost/platform/testing';
import { user } from '../service.ts';

test('seeded people exist under their ids, and the next person comes after them', async (t) => {
  const env = { USER_SEED: '42 Grace Hopper <grace@example.com>, 7 Ada Lovelace <ada@example.com>' };
  const platform = await testPlatform({ services: [user], env });
  t.after(() => platform.close());
  const users = platform.client(UserService);
  while ((await users.listUsers({})).data.length < 2) await platform.settle();
  const { data } = await users.listUsers({});
  assert.deepEqual(
    data.map(({ id, name, email, revision }) => [id, name, email, revision]),
    [
      [7n, 'Ada Lovelace', 'ada@example.com', 1n],
      [42n, 'Grace Hopper', 'grace@example.com', 1n],
    ],
  );
  const { user: next } = await users.createUser({ name: 'Alan Turing', email: 'alan@example.com' });
  assert.equal(next?.id, 43n);
  const events = await platform
    .database('user')
    .query<{ key: string }>('select key from tradepost.outbox order by seq');
  assert.deepEqual(
    events.map(({ key }) => key),
    ['7', '42', '43'],
  );
});
