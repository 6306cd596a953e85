import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { UserService } from '@tradepost/contracts/user';
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

const published = () => readOutbox(platform.database('user'));

test('the first person is 1, and the event carries the whole resource, byte for byte', async () => {
  platform.clock.set(new Date('2026-11-21T10:00:00.250Z'));
  const { user: ada } = await users.createUser({
    ...{ firstName: 'Ada', lastName: 'Lovelace', nickname: 'countess' },
    ...{ email: 'Ada@Example.com', country: 'gbr' },
  });
  assert.equal(ada?.id, 1n);
  const [event] = await published();
  const at = /"created_at":"(2026-11-21T10:00:0[^"]+)"/.exec(event?.value ?? '')?.[1];
  assert.deepEqual(event, {
    topic: 'user-created_v1',
    key: '1',
    type: 'tradepost.user.v1.UserCreated',
    value:
      '{"id":1,"name":"Ada Lovelace","first_name":"Ada","last_name":"Lovelace","nickname":"countess",' +
      `"email":"Ada@Example.com","country":"GB","created_at":"${at}","updated_at":"${at}","revision":1}`,
  });
});

test('the name that is shown is the given one, else first and last name together', async () => {
  const shown = async (given: { name?: string; firstName?: string; lastName?: string }, email: string) =>
    (await users.createUser({ ...given, email })).user?.name;
  assert.equal(await shown({ name: '  Grace Hopper ' }, 'grace@example.com'), 'Grace Hopper');
  assert.equal(await shown({ name: 'Amazing Grace', firstName: 'Grace' }, 'g2@example.com'), 'Amazing Grace');
  assert.equal(await shown({ firstName: 'Prince' }, 'prince@example.com'), 'Prince');
});

test('a person without any name, or of an unknown country, is refused and nothing is stored or published', async () => {
  const before = (await published()).length;
  const missing = 'INVALID_ARGUMENT name_missing: A user needs a name: give name, or first_name.';
  assert.equal(await refusalOf(users.createUser({ email: 'nobody@example.com' })), missing);
  assert.equal(await refusalOf(users.createUser({ name: '   ', email: 'nobody@example.com' })), missing);
  assert.equal(await refusalOf(users.createUser({ lastName: 'Nemo', email: 'nobody@example.com' })), missing);
  assert.equal(
    await refusalOf(users.createUser({ name: 'Nemo', email: 'nobody@example.com', country: 'XX' })),
    'INVALID_ARGUMENT country_unknown: country must be an ISO 3166 code, such as GB or GBR; "XX" is none.',
  );
  assert.equal((await published()).length, before);
  const rows = await platform.database('user').query(`select id from users where email_key = 'nobody@example.com'`);
  assert.deepEqual(rows, []);
});

test('an address is taken whatever its case', async () => {
  assert.equal(
    await refusalOf(users.createUser({ name: 'Other', email: 'ADA@eXample.COM' })),
    'ALREADY_EXISTS email_taken: Another user has the e-mail address ADA@eXample.COM.',
  );
});

test('of many who ask for one address at once, exactly one gets it', async () => {
  const before = (await published()).length;
  const asked = Array.from({ length: 40 }, (_, n) =>
    users.createUser({ name: `Twin ${n}`, email: n % 2 === 0 ? 'twin@example.com' : 'TWIN@example.com' }),
  );
  const outcomes = await Promise.all(
    asked.map((call) =>
      call.then(
        () => 'created',
        (error) => error.code,
      ),
    ),
  );
  assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 1);
  assert.equal(outcomes.filter((outcome) => outcome === 'email_taken').length, 39);
  assert.equal((await published()).length, before + 1);
});

test('with an idempotency key a repeat gets the first answer, another body is refused', async () => {
  const meta = { idempotencyKey: 'register-1' };
  const replays: string[] = [];
  const body = { name: 'Alan Turing', email: 'alan@example.com' };
  const first = await users.createUser(body, { meta, onReplayed: () => replays.push('first') });
  const second = await users.createUser(body, { meta, onReplayed: () => replays.push('second') });
  assert.deepEqual(second, first);
  assert.deepEqual(replays, ['second']);
  assert.equal(
    (await refusalOf(users.createUser({ ...body, name: 'Alan M. Turing' }, { meta }))).split(':')[0],
    'INVALID_ARGUMENT idempotency_key_reused',
  );
  const refusedFirst = { name: 'Ada again', email: 'ada@example.com' };
  const taken = { meta: { idempotencyKey: 'register-2' } };
  const why = await refusalOf(users.createUser(refusedFirst, taken));
  assert.equal(await refusalOf(users.createUser(refusedFirst, taken)), why);
});

test('twenty repeats at once create one person', async () => {
  const body = { name: 'Barbara Liskov', email: 'barbara@example.com' };
  const calls = Array.from({ length: 20 }, () =>
    users.createUser(body, { meta: { idempotencyKey: 'register-3' } }).then(
      ({ user }) => String(user?.id),
      (error) => error.code as string,
    ),
  );
  const ids = new Set((await Promise.all(calls)).filter((id) => id !== 'idempotency_key_in_progress'));
  const rows = await platform
    .database('user')
    .query<{ id: bigint }>(`select id from users where email_key = 'barbara@example.com'`);
  assert.deepEqual(
    [...ids],
    rows.map(({ id }) => String(id)),
  );
  assert.equal(rows.length, 1);
});
