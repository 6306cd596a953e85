import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { AddEntryRequestSchema, type AddEntryResponseSchema, ProbeService } from '@tradepost/contracts/probe';
import { type Database, openDatabase, withConnection } from '../db/index.ts';
import { Refusal } from '../errors/index.ts';
import { createTransactions } from '../events/index.ts';
import { armFailpoint, disarmFailpoints } from '../failpoints/index.ts';
import type { Caller, CommandItem, Context, Outcome, Transaction } from '../service/index.ts';
import { command } from '../service/index.ts';
import { createTestDatabase, silentLog, type TestDatabase } from '../testing/index.ts';
import { type Clock, systemClock } from '../time/index.ts';
import { type CommandRunner, type CommandRunnerOptions, createCommandRunner } from './command-runner.ts';
import { pruneAnswers } from './idempotency-records.ts';

type Request = ReturnType<typeof requestOf>;
type Answer = MessageInitShape<typeof AddEntryResponseSchema>;

let base: TestDatabase;
let batches: number[] = [];
let nowMs = 0;
const opened: { runner: CommandRunner; database: Database }[] = [];
const clock: Clock = { ...systemClock, now: () => new Date(nowMs) };

before(async () => {
  base = await createTestDatabase({});
  await base.database.query(`create table entries (
    id bigint generated always as identity primary key, name text not null, amount int not null check (amount <> 13))`);
});
after(() => base.close());
beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 1);
  batches = [];
  await base.database.query('truncate entries restart identity; truncate tradepost.idempotency_records');
});
afterEach(async () => {
  disarmFailpoints();
  for (const { runner, database } of opened.splice(0)) {
    await runner.close();
    await database.close();
  }
});

async function apply(items: readonly CommandItem<Request>[], tx: Transaction): Promise<Outcome<Answer>[]> {
  batches.push(items.length);
  const chosen = items.filter(({ request }) => request.amount >= 0);
  const rows = await tx.query<{ id: bigint }>(
    'insert into entries (name, amount) select * from unnest($1::text[], $2::int[]) returning id',
    [chosen.map(({ request }) => request.name), chosen.map(({ request }) => request.amount)],
  );
  const ids = rows.values();
  return items.map(({ request }) =>
    request.amount < 0
      ? { refused: new Refusal('negative', 'FAILED_PRECONDITION', 'Negative', `${request.name} is negative`) }
      : { ok: { id: ids.next().value?.id ?? 0n, name: request.name } },
  );
}

const addEntry = command(ProbeService.method.addEntry, { apply });

/** A runner with a pool of its own, as another process has it. */
async function openRunner(options: Partial<CommandRunnerOptions> = {}): Promise<CommandRunner> {
  const database = await openDatabase({ service: 'test', url: base.url, log: silentLog, maxConnections: 4 });
  const transactions = createTransactions({ database, config: {}, clock, log: silentLog, service: 'test' });
  const context = { config: {}, db: database, clock, log: silentLog } as unknown as Context;
  const runner = createCommandRunner({ transactions, context, log: silentLog, ...options });
  opened.push({ runner, database });
  return runner;
}

const PERSON: Caller = { kind: 'person', id: 1n };

function requestOf(name: string, amount: number) {
  return create(AddEntryRequestSchema, { name, amount });
}

function item(name: string, amount: number, key?: string, more: object = {}): CommandItem<Request> {
  const meta = { caller: PERSON, requestId: `r-${name}`, correlationId: `r-${name}`, idempotencyKey: key, ...more };
  return { request: requestOf(name, amount), meta };
}

async function entries(): Promise<string[]> {
  const rows = await base.database.query<{ name: string }>('select name from entries order by id', []);
  return rows.map(({ name }) => name);
}

/** `name#id`, a refusal's code, with `again` when it was replayed; or what was thrown. */
async function outcomeOf(work: ReturnType<CommandRunner['run']>): Promise<string> {
  try {
    const settled = await work;
    const answer = settled as unknown as { ok?: { name: string; id: bigint }; refused?: Refusal };
    const text = answer.refused?.code ?? `${answer.ok?.name}#${answer.ok?.id}`;
    return settled.replayed ? `${text} again` : text;
  } catch (error) {
    return error instanceof Refusal ? error.code : `${(error as Error).name}`;
  }
}

test('64 calls at once share a transaction, each with its own answer', async () => {
  const runner = await openRunner();
  const names = Array.from({ length: 64 }, (_, n) => `n${n}`);
  const answers = await Promise.all(names.map((name, n) => outcomeOf(runner.run(addEntry, item(name, 1, `key-${n}`)))));
  assert.deepEqual(
    answers,
    names.map((name, n) => `${name}#${n + 1}`),
  );
  assert.deepEqual(batches, [64]);
});

test('what arrives while the slots are busy goes together, and no batch is larger than the limit', async () => {
  const runner = await openRunner({ slots: 1 });
  const small = { ...addEntry, maxBatch: 10 };
  const calls = Array.from({ length: 25 }, (_, n) => runner.run(small, item(`n${n}`, 1)));
  await Promise.all(calls);
  assert.deepEqual(batches, [10, 10, 5]);
  assert.equal((await entries()).length, 25);
});

test('an item that is refused undoes nothing of its neighbours, and its refusal is kept', async () => {
  const runner = await openRunner();
  const send = (): Promise<string[]> =>
    Promise.all([
      outcomeOf(runner.run(addEntry, item('good', 1, 'key-1'))),
      outcomeOf(runner.run(addEntry, item('bad', -1, 'key-2'))),
    ]);
  assert.deepEqual(await send(), ['good#1', 'negative']);
  assert.deepEqual(await send(), ['good#1 again', 'negative again']);
  assert.deepEqual(await entries(), ['good']);
});

test('a key is answered as before after a restart, refused for another request, and free for another caller', async () => {
  const first = await openRunner();
  assert.equal(await outcomeOf(first.run(addEntry, item('a', 1, 'key'))), 'a#1');
  const second = await openRunner();
  assert.equal(await outcomeOf(second.run(addEntry, item('a', 1, 'key'))), 'a#1 again');
  const reused = await second.run(addEntry, item('b', 1, 'key'));
  assert.ok('refused' in reused);
  assert.equal(reused.refused.code, 'idempotency_key_reused');
  assert.equal(reused.refused.status, 'INVALID_ARGUMENT');
  assert.equal(reused.refused.options.httpStatus, 422);
  const other = item('b', 1, 'key', { caller: { kind: 'person', id: 2n } });
  assert.equal(await outcomeOf(second.run(addEntry, other)), 'b#2');
  assert.deepEqual(await entries(), ['a', 'b']);
});

test('anonymous callers do not meet in each other’s keys', async () => {
  const runner = await openRunner();
  const anonymous = { caller: { kind: 'anonymous' } };
  assert.equal(await outcomeOf(runner.run(addEntry, item('a', 1, 'key', anonymous))), 'a#1');
  assert.equal(await outcomeOf(runner.run(addEntry, item('b', 1, 'key', anonymous))), 'b#2');
  assert.equal(await outcomeOf(runner.run(addEntry, item('a', 1, 'key', anonymous))), 'a#1 again');
});

test('a key that is repeated within a batch runs once', async () => {
  const runner = await openRunner();
  const answers = await Promise.all([
    outcomeOf(runner.run(addEntry, item('a', 1, 'key'))),
    outcomeOf(runner.run(addEntry, item('a', 1, 'key'))),
    outcomeOf(runner.run(addEntry, item('other', 1, 'key'))),
  ]);
  assert.deepEqual(answers, ['a#1', 'a#1 again', 'idempotency_key_reused']);
  assert.deepEqual(await entries(), ['a']);
});

test('a key that another process is running is answered at once, and neighbours do not wait', async () => {
  let finish: () => void = () => {};
  const entered = new Promise<void>((resolveEntered) => {
    finish = resolveEntered;
  });
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = {
    ...addEntry,
    apply: async (items: readonly CommandItem<Request>[], tx: Transaction) => {
      const outcomes = await apply(items, tx);
      finish();
      await held;
      return outcomes;
    },
  };
  const [first, second] = [await openRunner(), await openRunner()];
  const running = outcomeOf(first.run(slow, item('a', 1, 'key')));
  await entered;
  const [same, neighbour] = await Promise.all([
    second.run(addEntry, item('a', 1, 'key')),
    outcomeOf(second.run(addEntry, item('b', 1, 'key-2'))),
  ]);
  assert.ok('refused' in same);
  assert.equal(same.refused.code, 'idempotency_key_in_progress');
  assert.equal(same.refused.status, 'ABORTED');
  assert.equal(same.refused.options.retryAfterSeconds, 1);
  assert.equal(neighbour, 'b#2');
  release();
  assert.equal(await running, 'a#1');
  assert.equal(await outcomeOf(second.run(addEntry, item('a', 1, 'key'))), 'a#1 again');
});

test('two processes that race with the same keys have each effect once', { timeout: 60_000 }, async () => {
  const runners = [await openRunner(), await openRunner()];
  const wanted = Array.from({ length: 300 }, (_, n) => `n${n}`);
  const finals = new Map<string, Set<string>>(wanted.map((name) => [name, new Set()]));
  await Promise.all(
    runners.flatMap((runner) =>
      wanted.map(async (name) => {
        for (;;) {
          const outcome = await outcomeOf(runner.run(addEntry, item(name, 1, `key-${name}`)));
          if (outcome === 'idempotency_key_in_progress') continue;
          finals.get(name)?.add(outcome.replace(' again', ''));
          return;
        }
      }),
    ),
  );
  assert.deepEqual((await entries()).toSorted(), wanted.toSorted());
  for (const [name, answers] of finals) assert.equal(answers.size, 1, `${name}: ${[...answers].join()}`);
});

test('an item that breaks its batch fails alone', async () => {
  const runner = await openRunner();
  const answers = await Promise.all([
    outcomeOf(runner.run(addEntry, item('a', 1, 'key-1'))),
    outcomeOf(runner.run(addEntry, item('poison', 13, 'key-2'))),
    outcomeOf(runner.run(addEntry, item('c', 1, 'key-3'))),
  ]);
  assert.deepEqual(
    answers.map((answer) => answer.split('#')[0]),
    ['a', 'error', 'c'],
  );
  assert.deepEqual(batches, [3, 1, 1, 1]);
  assert.deepEqual(await entries(), ['a', 'c']);
});

test('many items of one request are settled one by one, a bug among them as INTERNAL', async () => {
  const runner = await openRunner();
  const items = [item('a', 1, 'k1'), item('poison', 13, 'k2'), item('a', 1, 'k1'), item('d', -1, 'k4')];
  const settled = await runner.runMany(addEntry, items);
  assert.deepEqual(
    settled.map((one) => [('refused' in one ? one.refused.code : one.ok.name) as string, one.replayed]),
    [
      ['a', false],
      ['internal', false],
      ['a', true],
      ['negative', false],
    ],
  );
  assert.deepEqual(await entries(), ['a']);
});

test('a crash before the commit leaves nothing, one after it leaves the answer', async () => {
  const runner = await openRunner();
  for (const name of ['command.after-domain-write', 'command.before-commit']) {
    armFailpoint(name, 'throw');
    assert.equal(await outcomeOf(runner.run(addEntry, item('a', 1, 'key'))), 'FailpointError');
    assert.deepEqual(await entries(), []);
  }
  armFailpoint('command.after-commit', 'throw');
  assert.equal(await outcomeOf(runner.run(addEntry, item('a', 1, 'key'))), 'FailpointError');
  assert.equal(await outcomeOf(runner.run(addEntry, item('a', 1, 'key'))), 'a#3 again');
  assert.deepEqual(await entries(), ['a']);
});

test('a connection lost during COMMIT is an unknown outcome for all, and a repeat learns the truth', async () => {
  await base.database.query(`
    create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(10); return null; end $$;
    create constraint trigger dawdle after insert on entries deferrable initially deferred
      for each row when (new.name = 'slow') execute function dawdle()`);
  const runner = await openRunner();
  const calls = Promise.all([
    runner.runMany(addEntry, [item('slow', 1, 'key-1')]),
    runner.runMany(addEntry, [item('b', 1, 'key-2')]),
  ]);
  await withConnection(base.adminUrl, async (admin) => {
    for (let killed = 0; killed === 0; ) {
      const rows = await admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'commit%' and wait_event = 'PgSleep'`,
        [],
      );
      killed = rows.length;
    }
  });
  const settled = (await calls).flat();
  for (const one of settled) {
    assert.ok('refused' in one);
    assert.equal(one.refused.code, 'outcome_unknown');
    assert.equal(one.refused.status, 'UNAVAILABLE');
    assert.match(one.refused.message, /repeat the request with the same idempotency key/);
  }
  assert.deepEqual(batches, [2]);
  await base.database.query('drop trigger dawdle on entries; drop function dawdle()');
  assert.equal(await outcomeOf(runner.run(addEntry, item('b', 1, 'key-2'))), 'b#3');
  assert.deepEqual(await entries(), ['b']);
});

test('a request whose time is over or whose caller has gone is not run', async () => {
  const runner = await openRunner();
  const late = item('late', 1, undefined, { deadlineMs: performance.now() - 1 });
  assert.equal(await outcomeOf(runner.run(addEntry, late)), 'deadline_exceeded');
  const gone = AbortSignal.abort();
  assert.equal(await outcomeOf(runner.run(addEntry, item('gone', 1), gone)), 'cancelled');
  assert.deepEqual(batches, []);
});

test('a full queue and an impossible key are refused before anything runs', async () => {
  const runner = await openRunner({ queueLimit: 2 });
  const answers = await Promise.all(['a', 'b', 'c'].map((name) => outcomeOf(runner.run(addEntry, item(name, 1)))));
  assert.deepEqual(answers, ['a#1', 'b#2', 'overloaded']);
  const overloaded = runner.runMany(addEntry, [item('d', 1), item('e', 1), item('f', 1)]);
  const [, , refused] = await overloaded;
  assert.ok(refused !== undefined && 'refused' in refused);
  assert.equal(refused.refused.options.httpStatus, 503);
  assert.equal(refused.refused.options.retryAfterSeconds, 1);
  assert.equal(await outcomeOf(runner.run(addEntry, item('g', 1, 'k'.repeat(256)))), 'invalid_idempotency_key');
});

test('an answer is kept for its time, then the key is free and the record is pruned', async () => {
  const runner = await openRunner();
  const hour = { ...addEntry, keepAnswersMs: 3_600_000 };
  assert.equal(await outcomeOf(runner.run(hour, item('a', 1, 'key'))), 'a#1');
  nowMs += 3_599_000;
  assert.equal(await outcomeOf(runner.run(hour, item('a', 1, 'key'))), 'a#1 again');
  assert.equal(await pruneAnswers(base.database, clock.now()), 0);
  nowMs += 1000;
  assert.equal(await outcomeOf(runner.run(hour, item('a', 1, 'key'))), 'a#2');
  nowMs += 3_600_000;
  assert.equal(await pruneAnswers(base.database, clock.now()), 1);
});

test('a request that says to come back later is run again', async () => {
  const runner = await openRunner();
  let runs = 0;
  const busy = {
    ...addEntry,
    apply: async () => {
      runs += 1;
      return [{ refused: new Refusal('busy', 'UNAVAILABLE', 'Busy', 'Come back later') }];
    },
  };
  assert.equal(await outcomeOf(runner.run(busy, item('a', 1, 'key'))), 'busy');
  assert.equal(await outcomeOf(runner.run(busy, item('a', 1, 'key'))), 'busy');
  assert.equal(runs, 2);
});

test('an answer too large to keep is given once, and its repeat says so', async () => {
  const runner = await openRunner();
  const large = { ...addEntry, apply: async () => [{ ok: { id: 1n, name: 'x'.repeat(70_000) } }] };
  assert.match(await outcomeOf(runner.run(large, item('a', 1, 'key'))), /^x{70000}#1$/);
  assert.equal(await outcomeOf(runner.run(large, item('a', 1, 'key'))), 'answer_not_kept again');
});
