import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type User, UserService } from '@tradepost/contracts/user';
import type { Client } from '@tradepost/platform/rpc';
import { readOutbox, refusalOf, type TestPlatform, testPlatform } from '@tradepost/platform/testing';
import { user } from '../service.ts';

let platform: TestPlatform;
let users: Client<typeof UserService>;

before(async () => {
  platform = await testPlatform({ services: [user] });
  users = platform.client(UserService);
});
after(() => platform?.close());

const register = async (email: string): Promise<User> =>
  (await users.createUser({ name: 'Somebody', email })).user as User;

test('a deleted person is gone for callers, and the row stays', async () => {
  const { id } = await register('gone@example.com');
  await users.deleteUser({ id });
  const notFound = `NOT_FOUND user_not_found: There is no user ${id}.`;
  assert.equal(await refusalOf(users.getUser({ id })), notFound);
  assert.equal(await refusalOf(users.updateUser({ id, name: 'Back' })), notFound);
  assert.equal(await refusalOf(users.deleteUser({ id })), notFound);
  assert.deepEqual((await users.batchGetUsers({ requests: [{ id }] })).results[0]?.user, undefined);
  const rows = await platform
    .database('user')
    .query('select email, revision, deleted_at is not null as deleted from users where id = $1', [id]);
  assert.deepEqual(rows, [{ email: 'gone@example.com', revision: 2n, deleted: true }]);
});

test('the event of a deletion carries the last state under the next revision', async () => {
  const { id } = await register('last@example.com');
  await users.updateUser({ id, nickname: 'late' });
  await users.deleteUser({ id });
  const [event] = (await readOutbox(platform.database('user'), 'user-deleted_v1')).filter(
    ({ key }) => key === String(id),
  );
  const { created_at, updated_at, ...rest } = JSON.parse(event?.value ?? '');
  assert.deepEqual([typeof created_at, typeof updated_at], ['string', 'string']);
  assert.deepEqual(rest, {
    ...{ id: Number(id), name: 'Somebody', first_name: '', last_name: '', nickname: 'late' },
    ...{ email: 'last@example.com', country: '', revision: 3 },
  });
});

test('the address of a deleted person is free again, any number of times', async () => {
  const ids: bigint[] = [];
  for (let times = 0; times < 3; times += 1) {
    const { id } = await register('Reused@example.com');
    ids.push(id);
    await users.deleteUser({ id });
  }
  const { id } = await register('reused@example.com');
  assert.equal(new Set([...ids, id]).size, 4);
});

test('a deletion with another revision is refused', async () => {
  const { id } = await register('kept@example.com');
  assert.equal(
    await refusalOf(users.deleteUser({ id, revision: 7n })),
    'FAILED_PRECONDITION revision_mismatch: You expected revision 7, the user has revision 1: read it again.',
  );
  await users.deleteUser({ id, revision: 1n });
});

test('of ten deletions at once one deletes, and one event tells of it', async () => {
  const { id } = await register('once@example.com');
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, () =>
      users.deleteUser({ id }).then(
        () => 'deleted',
        (error) => error.code,
      ),
    ),
  );
  assert.deepEqual(outcomes.toSorted(), ['deleted', ...Array(9).fill('user_not_found')]);
  const events = await readOutbox(platform.database('user'), 'user-deleted_v1');
  assert.equal(events.filter(({ key }) => key === String(id)).length, 1);
});

test('people are listed in pages, oldest first, without the deleted', async () => {
  for (const n of [1, 2, 3, 4, 5]) await register(`page${n}@example.com`);
  const all: bigint[] = [];
  let cursor = '';
  do {
    const page = await users.listUsers({ limit: 2, cursor });
    assert.equal(page.data.length <= 2, true);
    all.push(...page.data.map(({ id }) => id));
    assert.equal(page.hasMore, page.nextCursor !== '');
    cursor = page.nextCursor;
  } while (cursor !== '');
  const living = await platform
    .database('user')
    .query<{ id: bigint }>('select id from users where deleted_at is null order by id');
  assert.deepEqual(
    all,
    living.map(({ id }) => id),
  );
  const first = await users.listUsers({ limit: 2 });
  const tampered = `${first.nextCursor.slice(0, -2)}xx`;
  assert.match(await refusalOf(users.listUsers({ limit: 2, cursor: tampered })), /^INVALID_ARGUMENT /);
});

test('reads that are made together come as one batch to the database', async () => {
  const { id } = await register('read@example.com');
  const asked = Array.from({ length: 50 }, (_, n) => users.getUser({ id: n % 2 === 0 ? id : 999_999n }));
  const names = await Promise.all(
    asked.map((call) =>
      call.then(
        ({ user }) => user?.name,
        (error) => error.code,
      ),
    ),
  );
  assert.deepEqual(
    names,
    Array.from({ length: 50 }, (_, n) => (n % 2 === 0 ? 'Somebody' : 'user_not_found')),
  );
});
