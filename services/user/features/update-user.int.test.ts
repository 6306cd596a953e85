import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type User, UserService } from '@tradepost/contracts/user';
import type { Client } from '@tradepost/platform/rpc';
import { readOutbox, refusalOf, type TestPlatform, testPlatform } from '@tradepost/platform/testing';
import { user } from '../service.ts';

let platform: TestPlatform;
let users: Client<typeof UserService>;
let next = 0;

before(async () => {
  platform = await testPlatform({ services: [user] });
  users = platform.client(UserService);
});
after(() => platform?.close());

async function register(fields: Partial<{ name: string; firstName: string; lastName: string }> = {}): Promise<User> {
  next += 1;
  const given = Object.keys(fields).length > 0 ? fields : { name: `Person ${next}` };
  const { user: created } = await users.createUser({ ...given, email: `person${next}@example.com` });
  return created as User;
}

const updatesOf = async (id: bigint) =>
  (await readOutbox(platform.database('user'), 'user-updated_v1')).filter(({ key }) => key === String(id));

test('without a mask the fields that are present are changed, and those only', async () => {
  const { id, email } = await register({ name: 'Mary' });
  const { user: changed } = await users.updateUser({ id, nickname: 'queen of science', country: 'gb' });
  assert.deepEqual(
    [changed?.name, changed?.nickname, changed?.country, changed?.email, changed?.revision],
    ['Mary', 'queen of science', 'GB', email, 2n],
  );
  const { user: cleared } = await users.updateUser({ id, nickname: '' });
  assert.deepEqual([cleared?.nickname, cleared?.country, cleared?.revision], ['', 'GB', 3n]);
  assert.deepEqual((await users.getUser({ id })).user, cleared);
});

test('with a mask the fields that it names are changed, named and absent ones emptied', async () => {
  const { id } = await register({ name: 'Shown', firstName: 'Emmy', lastName: 'Noether' });
  const { user: changed } = await users.updateUser({
    ...{ id, nickname: 'ignored', lastName: 'N.' },
    updateMask: { paths: ['name', 'last_name'] },
  });
  assert.deepEqual([changed?.name, changed?.lastName, changed?.nickname], ['Emmy N.', 'N.', '']);
  assert.equal(
    await refusalOf(users.updateUser({ id, updateMask: { paths: ['first_name'] } })),
    'INVALID_ARGUMENT name_missing: A user needs a name: give name, or first_name.',
  );
  for (const path of ['id', 'revision', 'firstName', 'name.x', '']) {
    assert.match(
      await refusalOf(users.updateUser({ id, name: 'x', updateMask: { paths: [path] } })),
      /^INVALID_ARGUMENT (mask_unknown|invalid_request): /,
    );
  }
});

test('an address cannot be emptied by a mask', async () => {
  const { id, email } = await register();
  assert.equal(
    await refusalOf(users.updateUser({ id, updateMask: { paths: ['email'] } })),
    'INVALID_ARGUMENT email_missing: A user needs an e-mail address: email cannot be emptied.',
  );
  assert.equal((await users.getUser({ id })).user?.email, email);
});

test('every change is one event with the whole resource, and the revisions rise by one', async () => {
  const { id, email } = await register({ name: 'Lise' });
  for (const nickname of ['a', 'b', 'c']) await users.updateUser({ id, nickname });
  const events = await updatesOf(id);
  assert.deepEqual(
    events.map(({ type, value }) => {
      const { created_at, updated_at, ...rest } = JSON.parse(value);
      return { type, ...rest, isLater: updated_at >= created_at };
    }),
    ['a', 'b', 'c'].map((nickname, place) => ({
      ...{ type: 'tradepost.user.v1.UserUpdated', id: Number(id), name: 'Lise', first_name: '', last_name: '' },
      ...{ nickname, email, country: '', revision: place + 2, isLater: true },
    })),
  );
});

test('an update that changes nothing publishes nothing and keeps the revision', async () => {
  const { id, email } = await register({ name: 'Same' });
  const { user: same } = await users.updateUser({ id, name: ' Same ', email, nickname: '' });
  assert.equal(same?.revision, 1n);
  assert.deepEqual(await updatesOf(id), []);
});

test('a revision that does not match is refused, one that matches is not', async () => {
  const { id } = await register();
  await users.updateUser({ id, nickname: 'one', revision: 1n });
  assert.equal(
    await refusalOf(users.updateUser({ id, nickname: 'two', revision: 1n })),
    'FAILED_PRECONDITION revision_mismatch: You expected revision 1, the user has revision 2: read it again.',
  );
  const raced = await Promise.all(
    ['x', 'y', 'z'].map((nickname) =>
      users.updateUser({ id, nickname, revision: 2n }).then(
        () => 1,
        () => 0,
      ),
    ),
  );
  assert.equal(
    raced.reduce<number>((sum, one) => sum + one, 0),
    1,
  );
  assert.equal((await users.getUser({ id })).user?.revision, 3n);
});

test('changes of one person that arrive together are all made, one after another', async () => {
  const { id } = await register();
  await Promise.all(Array.from({ length: 50 }, (_, n) => users.updateUser({ id, nickname: `n${n}` })));
  const revisions = (await updatesOf(id)).map(({ value }) => JSON.parse(value).revision as number);
  assert.deepEqual(
    revisions,
    Array.from({ length: 50 }, (_, n) => n + 2),
  );
  assert.equal((await users.getUser({ id })).user?.revision, 51n);
});

test('another living person’s address is refused, one’s own in another case is taken', async () => {
  const one = await register();
  const other = await register();
  assert.equal(
    await refusalOf(users.updateUser({ id: one.id, email: other.email.toUpperCase() })),
    `ALREADY_EXISTS email_taken: Another user has the e-mail address ${other.email.toUpperCase()}.`,
  );
  const { user: shouted } = await users.updateUser({ id: one.id, email: one.email.toUpperCase() });
  assert.equal(shouted?.email, one.email.toUpperCase());
});

test('who loses the race for an address against an open transaction is told that it is taken', async () => {
  const one = await register();
  const other = await register();
  const { main } = platform.core.databases.byService.get('user') ?? assert.fail('no database');
  const written = Promise.withResolvers<void>();
  const winning = main.transaction(async (tx) => {
    await tx.query(`update users set email = 'wanted@example.com', email_key = 'wanted@example.com' where id = $1`, [
      other.id,
    ]);
    written.resolve();
    await waitForLock();
  });
  await written.promise;
  const losing = refusalOf(users.updateUser({ id: one.id, email: 'wanted@example.com' }));
  await winning;
  assert.equal(await losing, 'ALREADY_EXISTS email_taken: Another user has the e-mail address wanted@example.com.');
});

/** Until a session of this database waits for another's row. */
async function waitForLock(): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    const waiting = await platform
      .database('user')
      .query(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    if (waiting.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('nobody waits for the row');
}

test('many who race for one address end with one owner and clear refusals', async () => {
  const people = await Promise.all(Array.from({ length: 12 }, () => register()));
  const outcomes = await Promise.all([
    ...people.map(({ id }) => users.updateUser({ id, email: 'prize@example.com' }).then(() => 'got it', codeOf)),
    ...people.map((_, n) =>
      users.createUser({ name: `New ${n}`, email: 'Prize@example.com' }).then(() => 'got it', codeOf),
    ),
  ]);
  assert.deepEqual(outcomes.toSorted(), [...Array(23).fill('email_taken'), 'got it']);
});

test('an address that one gives up is free for the next, also when they change places at the same moment', async () => {
  const [one, other] = [await register(), await register()];
  const taken = await Promise.all([
    users.updateUser({ id: one.id, email: `new-${one.email}` }),
    users.updateUser({ id: other.id, email: one.email }),
    users.updateUser({ id: one.id, email: other.email }),
  ]);
  assert.deepEqual(
    taken.map(({ user: changed }) => [changed?.id, changed?.email, changed?.revision]),
    [
      [one.id, `new-${one.email}`, 2n],
      [other.id, one.email, 2n],
      [one.id, other.email, 3n],
    ],
  );
  const stored = await platform
    .database('user')
    .query('select id, email, email_key from users where id = any($1) order by id', [[one.id, other.id]]);
  assert.deepEqual(stored, [
    { id: one.id, email: other.email, email_key: other.email },
    { id: other.id, email: one.email, email_key: one.email },
  ]);
});

test('who asks for an address before its owner gives it up is refused, as one after the other', async () => {
  const [one, other] = [await register(), await register()];
  const outcomes = await Promise.all([
    users.updateUser({ id: other.id, email: one.email }).then(() => 'got it', codeOf),
    users.updateUser({ id: one.id, email: `new-${one.email}` }).then(() => 'got it', codeOf),
  ]);
  assert.deepEqual(outcomes, ['email_taken', 'got it']);
});

const codeOf = (error: { code: string }): string => error.code;

test('nobody can be changed who does not exist', async () => {
  assert.equal(
    await refusalOf(users.updateUser({ id: 9_007_199_254_740_993n, name: 'Nobody' })),
    'NOT_FOUND user_not_found: There is no user 9007199254740993.',
  );
});
