// What every transport must do, run on each of them: the suite cannot tell which one it is given.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { Colour, type DoubleResponse, EchoRequestSchema, type ProbeService } from '@tradepost/contracts/probe';
import { Refusal } from '../errors/index.ts';
import type { CallMeta } from '../service/context.ts';
import type { Client } from './client.ts';
import type { DispatcherOptions } from './dispatch.ts';
import type { Seen } from './probe-service.ts';

export interface Connection {
  readonly client: Client<typeof ProbeService>;
  readonly seen: Seen;
  close(): Promise<void>;
}

export type Connect = (options?: Partial<DispatcherOptions>) => Promise<Connection>;

const FULL = {
  text: 'Grüße, 世界',
  number: 9_007_199_254_740_993n,
  small: -7,
  flag: true,
  data: Uint8Array.of(0, 1, 255),
  ratio: 1.5,
  colour: Colour.RED,
  words: ['a', ''],
  children: [{ text: 'child', children: [{ text: 'grandchild' }] }],
  named: { 'a b': { text: 'named' }, __proto__x: {} },
  counts: { one: 1n },
  maybe: '',
  at: { seconds: 1n, nanos: 2 },
  wrapped: '',
  facts: { list: [1, null, { deep: true }] },
  choice: { case: 'inner', value: { text: 'inner' } },
} as const;

export async function eventually(check: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !check(); tries += 1) await pause(5);
  assert.equal(check(), true);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function* numbers(from: number, to: number): AsyncGenerator<{ number: number }> {
  for (let number = from; number <= to; number += 1) yield { number };
}

async function refusalOf(work: Promise<unknown>): Promise<Refusal> {
  const error = await work.then(
    () => assert.fail('it was not refused'),
    (reason) => reason,
  );
  assert.ok(error instanceof Refusal, String(error));
  return error;
}

/** The test gets a connection of its own. */
type Use = (connect: (options?: Partial<DispatcherOptions>) => Promise<Connection>) => Promise<void>;

export function testTransport(name: string, open: Connect): void {
  const check = (title: string, use: Use): void => {
    test(title, { timeout: 20_000 }, async () => {
      const opened: Connection[] = [];
      try {
        await use(async (options) => {
          const connection = await open(options);
          opened.push(connection);
          return connection;
        });
      } finally {
        for (const connection of opened) await connection.close();
      }
    });
  };
  describe(name, () => {
    testMessages(check);
    testErrors(check);
    testLimits(check);
    testStreams(check);
    testStreamEnds(check);
  });
}

type Check = (title: string, use: Use) => void;

function testMessages(check: Check): void {
  check('a message of every kind of field arrives whole', async (connect) => {
    const { client, seen } = await connect();
    const request = create(EchoRequestSchema, { probe: FULL as never });
    const answer = await client.echo(request);
    assert.deepEqual(answer.probe, request.probe);
    assert.deepEqual(seen.requests, [request]);
    assert.equal(answer.probe?.number, 9_007_199_254_740_993n);
  });
  check('neither side shares an object with the other', async (connect) => {
    const { client, seen } = await connect();
    const request = create(EchoRequestSchema, { probe: FULL as never });
    const answer = await client.echo(request);
    const arrived = seen.requests[0] as typeof request;
    for (const copy of [arrived.probe, answer.probe]) {
      assert.notEqual(copy, request.probe);
      assert.notEqual(copy?.children[0], request.probe?.children[0]);
      assert.notEqual(copy?.words, request.probe?.words);
      assert.notEqual(copy?.data, request.probe?.data);
      assert.notEqual(copy?.data.buffer, request.probe?.data.buffer);
      assert.notEqual(copy?.facts, request.probe?.facts);
      assert.notEqual(copy?.named['a b'], request.probe?.named['a b']);
      assert.notEqual(copy?.at, request.probe?.at);
    }
    assert.notEqual(arrived.probe, answer.probe);
  });
  check('who asks, why, and the key of the request arrive', async (connect) => {
    const { client, seen } = await connect();
    const meta = {
      caller: { kind: 'person', id: 42n },
      requestId: 'request-1',
      correlationId: 'correlation-1',
      causationId: 'event-1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      idempotencyKey: 'schlüssel 1',
    } satisfies CallMeta;
    await client.echo({}, { meta });
    const { deadlineMs = 0, ...arrived } = seen.metas[0] as CallMeta;
    assert.deepEqual(arrived, meta);
    const restMs = deadlineMs - performance.now();
    assert.ok(restMs > 8000 && restMs <= 10_000, `the deadline is ${restMs} ms away`);
  });
  check('a call without a caller is the service that asks', async (connect) => {
    const { client, seen } = await connect();
    await client.echo({});
    const { caller, requestId, correlationId } = seen.metas[0] as CallMeta;
    assert.deepEqual(caller, { kind: 'service', name: 'tester' });
    assert.equal(correlationId, requestId);
  });
}

function testErrors(check: Check): void {
  check('a refusal arrives with everything but its cause', async (connect) => {
    const { client } = await connect();
    const { code, status, title, message, options } = await refusalOf(client.echo({ probe: { text: 'refuse' } }));
    assert.deepEqual(
      { code, status, title, message, options },
      {
        code: 'entry_not_found',
        status: 'NOT_FOUND',
        title: 'Entry not found',
        message: 'There is no entry of this name',
        options: {
          metadata: { name: 'nobody' },
          retryAfterSeconds: 1.5,
          errors: [{ pointer: '/name', code: 'unknown', detail: 'name is not known' }],
          httpStatus: 410,
        },
      },
    );
  });
  check('a bug is INTERNAL with the id of the request and no word of the inside', async (connect) => {
    const { client, seen } = await connect();
    const refusal = await refusalOf(client.echo({ probe: { text: 'bug' } }, { meta: { requestId: 'request-9' } }));
    assert.equal(refusal.status, 'INTERNAL');
    assert.match(refusal.message, /request-9/);
    assert.doesNotMatch(JSON.stringify(refusal) + refusal.message, /secret/);
    assert.equal(seen.logged.length, 1);
    assert.match(String(seen.logged.map(({ facts }) => (facts as { error: Error }).error)), /a secret of the inside/);
  });
  check('every fault of a request is told at once, before the handler runs', async (connect) => {
    const { client, seen } = await connect();
    const refusal = await refusalOf(client.echo({ email: 'nobody', tags: ['ok', 'long', 'nul\0'] }));
    assert.equal(refusal.code, 'invalid_request');
    assert.equal(refusal.status, 'INVALID_ARGUMENT');
    assert.deepEqual(refusal.options.errors, [
      { pointer: '/tags/2', code: 'unstorable_text', detail: 'tags must not contain the character NUL' },
      { pointer: '/email', code: 'string.email', detail: 'email must be a valid e-mail address' },
      { pointer: '/tags/1', code: 'string.max_len', detail: 'tags must have at most 3 characters' },
      { pointer: '/tags/2', code: 'string.max_len', detail: 'tags must have at most 3 characters' },
    ]);
    assert.deepEqual(seen.requests, []);
  });
}

function testLimits(check: Check): void {
  check('a call ends at its deadline, and its handler learns it', async (connect) => {
    const { client, seen } = await connect();
    const startMs = performance.now();
    const refusal = await refusalOf(client.echo({ probe: { text: 'hang' } }, { timeoutMs: 60 }));
    assert.equal(refusal.code, 'deadline_exceeded');
    assert.ok(performance.now() - startMs < 2000);
    await eventually(() => seen.aborted.includes('echo'));
  });
  check('a call whose deadline has passed is not made', async (connect) => {
    const { client, seen } = await connect();
    const refusal = await refusalOf(client.echo({}, { meta: { deadlineMs: performance.now() - 1 } }));
    assert.equal(refusal.code, 'deadline_exceeded');
    assert.deepEqual(seen.requests, []);
  });
  check('a cancelled call ends at once, and its handler learns it', async (connect) => {
    const { client, seen } = await connect();
    const controller = new AbortController();
    const call = refusalOf(client.echo({ probe: { text: 'hang' } }, { signal: controller.signal }));
    await eventually(() => seen.requests.length === 1);
    controller.abort();
    assert.equal((await call).code, 'cancelled');
    await eventually(() => seen.aborted.includes('echo'));
  });
  check('metrics learn of every call and how it ended', async (connect) => {
    const handled: string[] = [];
    const { client } = await connect({
      observer: { handled: (call, code) => void handled.push(`${call.service}/${call.method} ${call.type} ${code}`) },
    });
    await client.echo({});
    await refusalOf(client.echo({ probe: { text: 'refuse' } }));
    await collect(client.countDown({ from: 2 }));
    await eventually(() => handled.length === 3);
    assert.deepEqual(handled, [
      'tradepost.probe.v1.ProbeService/Echo unary OK',
      'tradepost.probe.v1.ProbeService/Echo unary NOT_FOUND',
      'tradepost.probe.v1.ProbeService/CountDown server_stream OK',
    ]);
  });
  check('a guard turns a call away before its handler', async (connect) => {
    const guard = (): void => {
      throw new Refusal('not_allowed', 'PERMISSION_DENIED', 'Not allowed', 'This is not for you');
    };
    const { client, seen } = await connect({ guards: [guard] });
    assert.equal((await refusalOf(client.echo({}))).code, 'not_allowed');
    assert.equal((await refusalOf(collect(client.countDown({ from: 3 })))).code, 'not_allowed');
    assert.deepEqual(seen.requests, []);
  });
}

function testStreams(check: Check): void {
  check('a server stream gives its answers in order and ends', async (connect) => {
    const { client } = await connect();
    const answers = await collect(client.countDown({ from: 3 }));
    assert.deepEqual(
      answers.map(({ number }) => number),
      [3, 2, 1],
    );
  });
  check('a client stream is answered after its half-close', async (connect) => {
    const { client } = await connect();
    assert.equal((await client.addUp(numbers(14, 100) as never)).sum, 4959n);
    assert.equal((await client.addUp(numbers(1, 0) as never)).sum, 0n);
  });
  check('a duplex stream answers each request while more may come', async (connect) => {
    const { client } = await connect();
    let send: (value: IteratorResult<{ number: number }>) => void = () => {};
    const requests = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<{ number: number }>>((resolve) => (send = resolve)),
      }),
    };
    const answers = client.double(requests as never)[Symbol.asyncIterator]();
    for (const number of [1, 5, 21]) {
      const next = answers.next() as Promise<IteratorResult<DoubleResponse>>;
      await pause(20);
      send({ done: false, value: { number } });
      assert.equal((await next).value.number, number * 2);
    }
    const end = answers.next();
    await pause(20);
    send({ done: true, value: undefined });
    assert.equal((await end).done, true);
  });
  check('a stream of many messages loses none', async (connect) => {
    const { client } = await connect();
    const answers = await collect(client.double(numbers(1, 2000) as never));
    assert.equal(answers.length, 2000);
    assert.equal(answers.at(-1)?.number, 4000);
  });
  check('a slow reader holds its writer back', async (connect) => {
    const { client, seen } = await connect({ streamBuffer: 4 });
    const answers = client.countDown({ from: 999_999 })[Symbol.asyncIterator]();
    await answers.next();
    await pause(200);
    const written = seen.requests.length;
    assert.ok(written < 100_000, `${written} messages were made for one that was read`);
    await answers.return?.();
  });
}

function testStreamEnds(check: Check): void {
  check('a stream that fails gives what came before, then the refusal', async (connect) => {
    const { client } = await connect();
    const got: number[] = [];
    const read = async (): Promise<void> => {
      for await (const { number } of client.countDown({ from: 15 })) got.push(number);
    };
    assert.equal((await refusalOf(read())).code, 'entry_not_found');
    assert.deepEqual(got, [15, 14]);
    assert.equal((await refusalOf(collect(client.countDown({ from: 666 })))).status, 'INTERNAL');
    assert.equal((await refusalOf(client.addUp(numbers(10, 20) as never))).code, 'entry_not_found');
  });
  check('an invalid message ends its stream with its faults', async (connect) => {
    const { client } = await connect();
    const refusal = await refusalOf(client.addUp(numbers(-1, 5) as never));
    assert.deepEqual(
      refusal.options.errors?.map(({ pointer, detail }) => `${pointer}: ${detail}`),
      ['/number: number must be greater than or equal to 0'],
    );
    assert.equal((await refusalOf(collect(client.countDown({ from: -1 })))).code, 'invalid_request');
  });
  check('a reader who leaves ends the handler', async (connect) => {
    const { client, seen } = await connect();
    for await (const { number } of client.countDown({ from: 500_000 })) if (number < 499_995) break;
    await eventually(() => seen.ended.includes('countDown'));
  });
  check('a cancelled or late stream ends, and a half-sent one is not taken for whole', async (connect) => {
    const { client, seen } = await connect();
    const late = refusalOf(collect(client.countDown({ from: 1000 }, { timeoutMs: 60 })));
    assert.equal((await late).code, 'deadline_exceeded');
    await eventually(() => seen.aborted.includes('countDown'));
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<{ number: number }> {
      yield { number: 1 };
      await new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
    }
    const call = refusalOf(client.addUp(endless() as never, { signal: controller.signal }));
    await pause(50);
    controller.abort();
    assert.equal((await call).code, 'cancelled');
    await eventually(() => seen.aborted.includes('addUp cancelled'));
  });
  check('a fault of the requests is thrown back at their sender', async (connect) => {
    const { client, seen } = await connect();
    const fault = new Error('the file ended in the middle');
    async function* broken(): AsyncGenerator<{ number: number }> {
      yield { number: 1 };
      await pause(50);
      throw fault;
    }
    await assert.rejects(client.addUp(broken() as never), fault);
    await eventually(() => seen.aborted.includes('addUp cancelled'));
  });
  check('a silent stream and an old one are ended, to be opened again', async (connect) => {
    const idle = await connect({ streamIdleMs: 60 });
    assert.equal((await refusalOf(collect(idle.client.countDown({ from: 1000 })))).code, 'stream_idle');
    const old = await connect({ streamLifeMs: 60 });
    assert.equal((await refusalOf(collect(old.client.countDown({ from: 1000 })))).code, 'stream_expired');
  });
}
