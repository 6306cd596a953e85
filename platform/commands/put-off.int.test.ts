import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { AddEntryRequestSchema, type AddEntryResponseSchema, ProbeService } from '@tradepost/contracts/probe';
import { Refusal, type StatusName } from '../errors/index.ts';
import { createTransactions } from '../events/index.ts';
import { type CommandItem, type Context, command, type Outcome, type Transaction } from '../service/index.ts';
import { createTestDatabase, silentLog, type TestDatabase } from '../testing/index.ts';
import { type Clock, systemClock } from '../time/index.ts';
import { type CommandRunner, createCommandRunner } from './command-runner.ts';
import { identityOf } from './idempotency-key.ts';

type Request = ReturnType<typeof requestOf>;

let base: TestDatabase;
let runner: CommandRunner;
let batches: string[][] = [];
let loads = 0;
let lateMs = 0;
const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + lateMs };

before(async () => {
  base = await createTestDatabase({});
});
after(() => base.close());
beforeEach(() => {
  [batches, loads, lateMs] = [[], 0, 0];
  const { database } = base;
  const transactions = createTransactions({ database, config: {}, clock, log: silentLog, service: 'test' });
  const context = { config: {}, db: database, clock, log: silentLog } as unknown as Context;
  runner = createCommandRunner({ transactions, context, log: silentLog, clock });
});
afterEach(async () => {
  await runner.close();
  await base.database.query('truncate tradepost.idempotency_records');
});

const requestOf = (name: string, amount: number) => create(AddEntryRequestSchema, { name, amount });

/** `amount` stands for the person whose order counts. */
function item(name: string, amount: number, more: object = {}): CommandItem<Request> {
  const meta = { caller: { kind: 'person', id: 1n } as const, requestId: name, correlationId: name };
  return { request: requestOf(name, amount), meta: { ...meta, idempotencyKey: `key-${name}`, ...more } };
}

type Answer = MessageInitShape<typeof AddEntryResponseSchema>;

function succeed(items: readonly CommandItem<Request>[]): Outcome<Answer>[] {
  batches.push(items.map(({ request }) => request.name));
  return items.map(({ request }) => ({ ok: { id: 1n, name: request.name } }));
}

const ordered = (
  apply: (items: readonly CommandItem<Request>[], tx: Transaction) => Promise<Outcome<Answer>[]>,
  more: object = {},
) => command(ProbeService.method.addEntry, { orderBy: ({ amount }) => amount, apply, ...more });

const adding = ordered(async (items) => succeed(items));

async function outcomes(chosen: typeof adding, items: readonly CommandItem<Request>[]): Promise<string[]> {
  const settled = await runner.runMany(chosen, items);
  return settled.map((one) => {
    const text = 'refused' in one ? one.refused.code : one.ok.name;
    return one.replayed ? `${text} again` : text;
  });
}

test('a failing load fails its batch once, and what was answered before is replayed without it', async () => {
  assert.deepEqual(await outcomes(adding, [item('a', 1)]), ['a']);
  const failures = [
    ...(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'INTERNAL'] as StatusName[]).map(
      (status) => new Refusal('elsewhere', status, 'Elsewhere', 'The other service is down'),
    ),
    new Error('a bug of load'),
  ];
  for (const failure of failures) {
    loads = 0;
    const load = async (): Promise<never> => {
      loads += 1;
      throw failure;
    };
    const loading = { ...adding, load };
    const code = failure instanceof Refusal ? 'elsewhere' : 'internal';
    assert.deepEqual(await outcomes(loading, [item('b', 1), item('a', 1), item('c', 2)]), [code, 'a again', code]);
    assert.equal(loads, 1, failure.message);
  }
  assert.deepEqual(batches, [['a']]);
});

test('what the database cannot do now fails the batch once, not item by item', async () => {
  for (const [state, code] of Object.entries({
    '53100': 'database_busy',
    '57014': 'database_busy',
    '57P01': 'unavailable',
  })) {
    batches = [];
    const failing = ordered(async (items) => {
      succeed(items);
      throw Object.assign(new Error('said by the server'), { code: state });
    });
    assert.deepEqual(await outcomes(failing, [item('a', 1), item('b', 2), item('c', 3)]), [code, code, code]);
    assert.deepEqual(batches, [['a', 'b', 'c']], state);
  }
});

test('an outage that fails many items of one request is logged once', async () => {
  const logged: string[] = [];
  const log = { ...silentLog, warn: (_: object, message: string) => void logged.push(message) };
  const { database } = base;
  const transactions = createTransactions({ database, config: {}, clock, log, service: 'test' });
  const telling = createCommandRunner({ transactions, context: {} as Context, log, clock });
  const failing = ordered(async () => {
    throw Object.assign(new Error('gone'), { code: '57P01' });
  });
  const settled = await telling.runMany(failing, [item('a', 1), item('b', 2), item('c', 3)]);
  assert.equal(settled.filter((one) => 'refused' in one && one.refused.code === 'unavailable').length, 3);
  assert.deepEqual(logged, ['A call found no database']);
});

test('an outage that begins while items run one by one ends it for all that are left', async () => {
  const failing = ordered(async (items) => {
    succeed(items);
    if (items.length > 1) throw new Error('a bug');
    if (items[0]?.request.name === 'b') throw Object.assign(new Error('gone'), { code: '57P01' });
    return items.map(({ request }) => ({ ok: { id: 1n, name: request.name } }));
  });
  const answers = await outcomes(failing, [item('a', 1), item('b', 2), item('c', 3), item('d', 4)]);
  assert.deepEqual(answers, ['a', 'unavailable', 'unavailable', 'unavailable']);
  assert.deepEqual(batches, [['a', 'b', 'c', 'd'], ['a'], ['b']]);
});

test('what waits behind an item that was put off is put off too, and the others run', async () => {
  const failing = {
    ...ordered(async (items) => {
      const outcome = succeed(items);
      if (items[0]?.request.name === 'a') throw Object.assign(new Error('gone'), { code: '57P01' });
      return outcome;
    }),
    maxBatch: 2,
  };
  const items = [item('a', 1), item('b', 2), item('c', 1), item('d', 3), item('e', 2), item('f', 3)];
  assert.deepEqual(await outcomes(failing, items), [
    ...['unavailable', 'unavailable', 'behind_another', 'd', 'behind_another', 'f'],
  ]);
});

test('an item does not overtake one of the same batch whose key is still held elsewhere', async () => {
  const first = item('a', 1);
  const { lock } = identityOf(ProbeService.method.addEntry, first as CommandItem<never>) ?? assert.fail('no key');
  const answers = await base.database.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [lock]);
    return outcomes(adding, [first, item('b', 1), item('c', 2)]);
  });
  assert.deepEqual(answers, ['idempotency_key_in_progress', 'behind_another', 'c']);
  assert.deepEqual(await outcomes(adding, [first, item('b', 1), item('c', 2)]), ['a', 'b', 'c again']);
});

test('an item whose time is over by the end of load, or by its own turn, is not run', async () => {
  const deadlineMs = clock.monotonicMs() + 60_000;
  const load = async (): Promise<void> => {
    lateMs = 120_000;
  };
  const loading = { ...adding, load };
  assert.deepEqual(await outcomes(loading as typeof adding, [item('a', 1, { deadlineMs }), item('b', 2)]), [
    ...['deadline_exceeded', 'b'],
  ]);
  assert.deepEqual(batches, [['b']]);

  [batches, lateMs] = [[], 0];
  const slow = ordered(async (items) => {
    const outcome = succeed(items);
    if (items.length > 1) throw new Error('a bug');
    lateMs = 120_000;
    return outcome;
  });
  const answers = await outcomes(slow, [item('c', 1), item('d', 2, { deadlineMs }), item('e', 3)]);
  assert.deepEqual(answers, ['c', 'deadline_exceeded', 'e']);
  assert.deepEqual(batches, [['c', 'd', 'e'], ['c'], ['e']]);
});
