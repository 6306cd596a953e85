// A message that always fails parks its key only: everybody else's events pass. It is shown, edited, replayed and
// dropped from the command line, and then the order of its key holds.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryDatabase } from '../running-database.ts';
import { type RunningSystem, startSystem } from '../running-system.ts';

const OTHERS_EVENTS = 10_000;
let system: RunningSystem;
let ada: number;
let bob: number;
const notificationDatabase = () => [system, 'notification'] as const;

before(async () => {
  system = await startSystem({ env: { NO_COLOR: '1', LOG_LEVEL: 'error' } });
  // The others come first: a load is about the first people that it finds.
  await load(1);
  ada = await register('ada@example.com');
  bob = await register('bob@example.com');
  await queryDatabase(
    ...notificationDatabase(),
    `alter table notifications add constraint poison check (score_change not in (-777, -778)) not valid`,
  );
});
after(() => system?.close());

async function post(path: string, body: object): Promise<{ id: number }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(system.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.equal(answer.ok, true, await answer.clone().text());
  return (await answer.json()) as { id: number };
}

const load = (events: number): Promise<string> =>
  system.tradepost('load', 'scores', '--users', '500', '--events', String(events), '--wait', '0');
const register = async (email: string): Promise<number> => (await post('/api/v1/users', { name: 'Person', email })).id;
const send = (user_id: number, change: number): Promise<unknown> =>
  post('/api/v1/score-events', { user_id, new_score: 700, change });

const changesOf = async (user: number): Promise<number[]> => {
  const rows = await queryDatabase<{ score_change: number }>(
    ...notificationDatabase(),
    'select score_change from notifications where user_id = $1 order by id',
    [user],
  );
  return rows.map((row) => row.score_change);
};

async function until(what: string, isSo: () => Promise<boolean>, limitMs = 30_000): Promise<void> {
  const late = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > late) assert.fail(`it did not come to pass: ${what}`);
    await sleep(50);
  }
}

interface Parked {
  readonly id: number;
  readonly state: string;
  readonly attempts: number;
  readonly error: string;
  readonly event: { readonly key: string; readonly value: string };
  readonly original_value: string;
  readonly note: string;
}

async function tradepost<T>(...args: string[]): Promise<T> {
  return JSON.parse(await system.tradepost(...args, '--output', 'json')) as T;
}

async function parked(...filter: string[]): Promise<Parked[]> {
  const listed = await tradepost<Parked[] | { data: Parked[] }>('dlq', 'ls', '--service', 'notification', ...filter);
  return Array.isArray(listed) ? listed : listed.data;
}

test('while one message waits for its retries, ten thousand events of others pass', async () => {
  for (const change of [1, -777, 2, 3]) await send(ada, change);
  for (const change of [4, -778, 5]) await send(bob, change);
  await load(OTHERS_EVENTS - 1);
  await until('all others are notified', async () => {
    const [row] = await queryDatabase<{ n: bigint }>(
      ...notificationDatabase(),
      'select count(*) as n from notifications where user_id <> all ($1::bigint[])',
      [[ada, bob]],
    );
    return row?.n === BigInt(OTHERS_EVENTS);
  });
  assert.deepEqual([await changesOf(ada), await changesOf(bob)], [[1], [4]]);
  const [open] = await queryDatabase<{ keys: string[] }>(
    ...notificationDatabase(),
    `select array_agg(distinct key order by key) as keys from tradepost.parked_messages`,
  );
  assert.deepEqual(open?.keys, [String(ada), String(bob)].toSorted());
});

test('after its last attempt it is dead, and is shown with its value and its error', async () => {
  // The eighth attempt would come after hours.
  await queryDatabase(
    ...notificationDatabase(),
    `update tradepost.parked_messages set attempts = 7, next_at = now() where state = 'waiting'`,
  );
  await until('both are dead', async () => (await parked('--state', 'dead')).length === 2, 10_000);
  const dead = (await parked('--state', 'dead')).find(({ event }) => event.key === String(ada));
  assert.equal(dead?.attempts, 8);
  const shown = await tradepost<Parked>('dlq', 'show', 'notification', String(dead?.id));
  assert.equal(shown.event.value, `{"user_id":${ada},"new_score":700,"change":-777}`);
  assert.match(shown.error, /poison/);
  assert.equal((await parked('--state', 'held', '--key', String(ada))).length, 2);
});

test('an edit that does not fit the schema, or is of another person, is refused', async () => {
  const [dead] = await parked('--state', 'dead', '--key', String(ada));
  const edit = (value: string): Promise<string> =>
    system.tradepost('dlq', 'edit', 'notification', String(dead?.id), '--value', value);
  await assert.rejects(edit(`{"user_id":${ada},"new_score":-1,"change":7}`), /new_score/);
  await assert.rejects(edit(`{"user_id":${bob},"new_score":700,"change":7}`), /key/);
  await assert.rejects(edit('{"user_id":'), /JSON/i);
  const after = await tradepost<Parked>('dlq', 'show', 'notification', String(dead?.id));
  assert.equal(after.event.value, `{"user_id":${ada},"new_score":700,"change":-777}`);
});

test('edited and replayed it is applied, those that it held follow in order, and its original is kept', async () => {
  const [dead] = await parked('--state', 'dead', '--key', String(ada));
  const id = String(dead?.id);
  const value = `{"user_id":${ada},"new_score":700,"change":-7}`;
  await system.tradepost('dlq', 'edit', 'notification', id, '--value', value, '--note', 'their sign was wrong');
  const dry = await tradepost<{ matched: number; replayed: number }>('dlq', 'replay', 'notification', id, '--dry-run');
  assert.deepEqual([Number(dry.matched), Number(dry.replayed)], [1, 0]);
  const replay = await tradepost<{ matched: number; replayed: number }>('dlq', 'replay', 'notification', id);
  assert.deepEqual([Number(replay.matched), Number(replay.replayed)], [1, 1]);
  await send(ada, 6);
  await until('the key flows on', async () => (await changesOf(ada)).length === 5, 10_000);
  assert.deepEqual(await changesOf(ada), [1, -7, 2, 3, 6]);
  const shown = await tradepost<Parked>('dlq', 'show', 'notification', id);
  assert.deepEqual(
    [shown.state, shown.event.value, shown.original_value, shown.note],
    ['resolved', value, `{"user_id":${ada},"new_score":700,"change":-777}`, 'their sign was wrong'],
  );
});

test('dropped with a note it is passed over, and its key flows on', async () => {
  const [dead] = await parked('--state', 'dead', '--key', String(bob));
  await system.tradepost('dlq', 'drop', 'notification', String(dead?.id), '--note', 'a test of theirs');
  await until('the key flows on', async () => (await changesOf(bob)).length === 2, 10_000);
  assert.deepEqual(await changesOf(bob), [4, 5]);
  const shown = await tradepost<Parked>('dlq', 'show', 'notification', String(dead?.id));
  assert.deepEqual([shown.state, shown.note], ['dropped', 'a test of theirs']);
  assert.deepEqual([...(await parked('--state', 'dead')), ...(await parked('--state', 'held'))], []);
});
