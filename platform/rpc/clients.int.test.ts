import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProbeService } from '@tradepost/contracts/probe';
import { createTestDatabase } from '../testing/index.ts';
import { createClients } from './clients.ts';
import { createDispatcher } from './dispatcher.ts';
import { createLocalTransport } from './local-transport.ts';
import { createProbeHost } from './probe-service.ts';

test('a call inside an open transaction is refused by name, and possible again after it', async () => {
  const { implementation, context, log, seen } = createProbeHost();
  const dispatcher = createDispatcher({ log });
  dispatcher.serve({ implementations: [implementation], context });
  const local = createLocalTransport({ dispatcher, paranoid: false });
  const client = createClients({ dispatcher, local }).client(ProbeService, 'tester');
  const { database, close } = await createTestDatabase({});
  try {
    const inside = database.transaction(async () => client.echo({}));
    await assert.rejects(inside, /ProbeService\.Echo was called inside an open database transaction/);
    assert.deepEqual(seen.requests, []);
    await database.transaction(async (tx) => {
      await assert.rejects(async () => {
        for await (const _ of client.countDown({ from: 1 })) assert.fail('the stream was opened');
      }, /CountDown was called inside an open database transaction/);
      await tx.query('select 1');
    });
    await client.echo({ probe: { text: 'after' } });
    assert.equal(seen.requests.length, 1);
  } finally {
    await close();
  }
});
