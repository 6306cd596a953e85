import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProbeService } from '@tradepost/contracts/probe';
import type { Client } from './client.ts';
import { createClients } from './clients.ts';
import { createDispatcher } from './dispatcher.ts';
import { createLocalTransport } from './local-transport.ts';
import { createProbeHost, type Seen } from './probe-service.ts';

function connect(): { client: Client<typeof ProbeService>; seen: Seen } {
  const { implementation, context, log, seen } = createProbeHost();
  const dispatcher = createDispatcher({ log });
  dispatcher.serve({ implementations: [implementation], context });
  const local = createLocalTransport({ dispatcher, paranoid: false });
  return { client: createClients({ dispatcher, local }).client(ProbeService, 'tester'), seen };
}

test('reads made in one turn are one call, answered in order', async () => {
  const { client, seen } = connect();
  const names = ['a', 'b', 'c'];
  const answers = await Promise.all(names.map((name) => client.getEntry({ name })));
  assert.deepEqual(seen.batches, [names]);
  assert.deepEqual(
    answers.map(({ $typeName, entry }) => [$typeName, entry?.text]),
    names.map((name) => ['tradepost.probe.v1.GetEntryResponse', name]),
  );
});

test('a single read is the plain call', async () => {
  const { client, seen } = connect();
  assert.equal((await client.getEntry({ name: 'a' })).entry?.text, 'a');
  assert.equal((await client.getEntry({ name: 'b' })).entry?.text, 'b');
  assert.deepEqual(seen.batches, [['a'], ['b']]);
});

test('what does not exist is refused exactly as the plain call refuses it', async () => {
  const { client } = connect();
  const single = await client.getEntry({ name: 'nobody' }).catch((error) => error);
  const [found, missing] = await Promise.allSettled([
    client.getEntry({ name: 'a' }),
    client.getEntry({ name: 'nobody' }),
  ]);
  assert.equal(found.status, 'fulfilled');
  assert.equal(missing.status, 'rejected');
  const { code, status, title, message, options } = (missing as PromiseRejectedResult).reason;
  assert.equal(code, 'entry_not_found');
  assert.deepEqual(
    { code, status, title, message, options },
    { code: single.code, status: single.status, title: single.title, message: single.message, options: single.options },
  );
});

test('more reads than a batch may hold are several calls', async () => {
  const { client, seen } = connect();
  const names = Array.from({ length: 250 }, (_, n) => `n${n}`);
  const answers = await Promise.all(names.map((name) => client.getEntry({ name })));
  assert.deepEqual(
    seen.batches.map(({ length }) => length),
    [100, 100, 50],
  );
  assert.deepEqual(
    answers.map(({ entry }) => entry?.text),
    names,
  );
});

test('each read keeps its own deadline and cancellation', async () => {
  const { client } = connect();
  const controller = new AbortController();
  const calls = Promise.allSettled([
    client.getEntry({ name: 'slow' }),
    client.getEntry({ name: 'b' }, { timeoutMs: 20 }),
    client.getEntry({ name: 'c' }, { signal: controller.signal }),
  ]);
  setTimeout(() => controller.abort(), 20);
  const outcomes = await calls;
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.entry?.text : outcome.reason.code)),
    ['slow', 'deadline_exceeded', 'cancelled'],
  );
});

test('what persons ask is not mixed: each is asked for itself', async () => {
  const { client, seen } = connect();
  const as = (id: bigint): object => ({ meta: { caller: { kind: 'person', id } } });
  await Promise.all([client.getEntry({ name: 'a' }, as(1n)), client.getEntry({ name: 'b' }, as(2n))]);
  assert.deepEqual(seen.batches, [['a'], ['b']]);
  assert.deepEqual(
    seen.metas.map(({ caller }) => caller),
    [
      { kind: 'person', id: 1n },
      { kind: 'person', id: 2n },
    ],
  );
});
