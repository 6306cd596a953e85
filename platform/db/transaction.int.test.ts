import assert from 'node:assert/strict';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import type { TestDatabase } from '../testing/index.ts';
import { createTestDatabase, silentLog } from '../testing/index.ts';
import type { Database, SqlTransaction } from './index.ts';
import { CommitUnknownError, constraintOf, isInTransaction, openDatabase, sqlStateOf } from './index.ts';

let home: TestDatabase;
let database: Database;

before(async () => {
  home = await createTestDatabase({ service: 'transactions' });
  database = home.database;
  await database.query('create table accounts (id int primary key, balance int8 not null)');
});
after(() => home.close());

const balanceOf = async (id: number): Promise<bigint | undefined> =>
  (await database.query<{ balance: bigint }>('select balance from accounts where id = $1', [id]))[0]?.balance;

/** Resolves for everybody once that many have arrived. */
function barrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    arrived += 1;
    if (arrived >= count) resolve();
    return promise;
  };
}

test('All of a transaction is written, then its actions run; after a throw nothing is', async () => {
  const ran: string[] = [];
  const result = await database.transaction(async (tx) => {
    await tx.query('insert into accounts values (1, 10)');
    tx.afterCommit(() => ran.push('first'));
    return 'done';
  });
  const failing = database.transaction(async (tx) => {
    await tx.query('insert into accounts values (2, 10)');
    tx.afterCommit(() => ran.push('never'));
    throw new Error('changed my mind');
  });
  await assert.rejects(failing, { message: 'changed my mind' });
  assert.deepEqual([result, ran, await balanceOf(1), await balanceOf(2)], ['done', ['first'], 10n, undefined]);
});

test('Code knows whether a transaction is open, and what it left running does not count as inside', async () => {
  let later: Promise<boolean> | undefined;
  const inside = await database.transaction(async (tx) => {
    await tx.query('select 1');
    later = new Promise((resolve) => setTimeout(() => resolve(isInTransaction()), 50));
    return isInTransaction();
  });
  assert.deepEqual([isInTransaction(), inside, await later], [false, true, false]);
});

test('A lost serialization race runs the body again and both effects stay', async () => {
  await database.query('insert into accounts values (10, 0)');
  const meet = barrier(2);
  let runs = 0;
  const add = (): Promise<void> =>
    database.transaction(
      async (tx) => {
        runs += 1;
        const [row] = await tx.query<{ balance: bigint }>('select balance from accounts where id = 10');
        await meet();
        await tx.query('update accounts set balance = $1 where id = 10', [(row?.balance ?? 0n) + 5n]);
      },
      { isolation: 'serializable' },
    );
  await Promise.all([add(), add()]);
  assert.deepEqual([runs, await balanceOf(10)], [3, 10n]);
});

test('A deadlock is resolved by running its victim again', async () => {
  await database.query('insert into accounts values (20, 0), (21, 0)');
  const meet = barrier(2);
  const add = (first: number, second: number): Promise<void> =>
    database.transaction(async (tx) => {
      await tx.query('update accounts set balance = balance + 1 where id = $1', [first]);
      await meet();
      await tx.query('update accounts set balance = balance + 1 where id = $1', [second]);
    });
  await Promise.all([add(20, 21), add(21, 20)]);
  assert.deepEqual([await balanceOf(20), await balanceOf(21)], [2n, 2n]);
});

test('Attempts are bounded', async () => {
  let runs = 0;
  const hopeless = (tx: SqlTransaction): Promise<unknown> => {
    runs += 1;
    return tx.query(`do $$ begin raise exception 'again' using errcode = '40001'; end $$`);
  };
  await assert.rejects(database.transaction(hopeless, { attempts: 3 }), (error) => sqlStateOf(error) === '40001');
  assert.equal(runs, 3);
});

test('A body that swallows a failed statement does not commit in silence', async () => {
  const careless = database.transaction(async (tx) => {
    await tx.query('insert into accounts values (30, 1)');
    await tx.query('insert into accounts values (30, 1)').catch(() => {});
  });
  await assert.rejects(careless, (error) => constraintOf(error) === 'accounts_pkey');
  assert.equal(await balanceOf(30), undefined);
});

test('A read-only transaction writes nothing, and a statement after the end is refused', async () => {
  const writing = database.transaction((tx) => tx.query('delete from accounts'), { readOnly: true });
  await assert.rejects(writing, (error) => sqlStateOf(error) === '25006');
  let kept: SqlTransaction | undefined;
  await database.transaction(async (tx) => {
    kept = tx;
  });
  await assert.rejects(kept?.query('select 1') ?? Promise.resolve(), {
    message: 'This transaction has ended: its statements must be awaited inside its body.',
  });
});

interface Proxy {
  readonly url: string;
  /** From now on a COMMIT is handed on (or not) and the connection is cut before its answer. */
  cutAtCommit(deliver: boolean): void;
  close(): void;
}

function startProxy(target: URL): Promise<Proxy> {
  let cut: 'no' | 'delivered' | 'withheld' = 'no';
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let answersDropped = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('data', (data) => {
      if (cut === 'no' || !data.includes('commit')) return void upstream.write(data);
      answersDropped = true;
      if (cut === 'withheld') return void client.destroy();
      upstream.write(data);
    });
    upstream.on('data', (data) => (answersDropped ? client.destroy() : client.write(data)));
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const url = new URL(target);
      url.port = String((server.address() as AddressInfo).port);
      resolve({
        url: url.href,
        cutAtCommit: (deliver) => {
          cut = deliver ? 'delivered' : 'withheld';
        },
        close: () => {
          for (const socket of sockets) socket.destroy();
          server.close();
        },
      });
    });
  });
}

test('A connection lost during COMMIT is told as unknown, whether or not the work exists', async () => {
  for (const [id, delivered] of [
    [40, true],
    [41, false],
  ] as const) {
    const proxy = await startProxy(new URL(home.url));
    const far = await openDatabase({ service: 'far', url: proxy.url, log: silentLog });
    let committed = false;
    proxy.cutAtCommit(delivered);
    const writing = far.transaction(async (tx) => {
      await tx.query('insert into accounts values ($1, 7)', [id]);
      tx.afterCommit(() => {
        committed = true;
      });
    });
    await assert.rejects(writing, CommitUnknownError);
    assert.deepEqual([committed, await balanceOf(id)], [false, delivered ? 7n : undefined]);
    await far.close();
    proxy.close();
  }
});

test('A backend killed inside the body, noticed only at COMMIT, is no unknown: nothing was sent', async () => {
  const doomed = database.transaction(async (tx) => {
    const [row] = await tx.query<{ pid: number }>(
      'with written as (insert into accounts values (50, 1)) select pg_backend_pid() as pid',
    );
    await database.query('select pg_terminate_backend($1)', [row?.pid]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  await assert.rejects(doomed, { name: 'DatabaseUnavailableError' });
  assert.equal(await balanceOf(50), undefined);
});
