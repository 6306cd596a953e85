import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserService } from '@tradepost/contracts/user';
import { testPlatform } from '@tradepost/platform/testing';
import { user } from '../service.ts';
import { insertSeeds } from '../store/users.ts';

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

test('a person who is registered while seeds are written waits for them, and no id is given twice', async (t) => {
  const platform = await testPlatform({ services: [user] });
  t.after(() => platform.close());
  const users = platform.client(UserService);
  const register = (n: number) => users.createUser({ name: `Person ${n}`, email: `person${n}@example.com` });
  const { main } = platform.core.databases.byService.get('user') ?? assert.fail('no database');
  const fields = { name: 'Ada', firstName: '', lastName: '', nickname: '', email: 'ada@example.com', country: '' };
  const written = Promise.withResolvers<void>();
  let registered: bigint | undefined;
  const seeding = main.transaction(async (tx) => {
    await insertSeeds(tx, [{ id: 2n, fields }], new Date());
    written.resolve();
    for (let tries = 0; registered === undefined; tries += 1) {
      const sql = `select 1 from pg_locks join pg_database on pg_database.oid = database
        where datname = current_database() and not granted`;
      if ((await platform.database('user').query(sql)).length > 0) break;
      assert.notEqual(tries, 500, 'nobody waits, and nobody was registered');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(registered, undefined);
  });
  await written.promise;
  const waiting = register(1).then(({ user: created }) => {
    registered = created?.id;
  });
  await seeding;
  await waiting;
  assert.equal(registered, 3n);
  const { user: next } = await register(2);
  assert.equal(next?.id, 4n);
});
