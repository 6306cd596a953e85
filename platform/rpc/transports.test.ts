import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProbeService } from '@tradepost/contracts/probe';
import { createClients } from './clients.ts';
import { createDispatcher } from './dispatcher.ts';
import { createGrpcServer } from './grpc-server.ts';
import { createGrpcTransport } from './grpc-transport.ts';
import { createLocalTransport, type ParanoidOptions } from './local-transport.ts';
import { createProbeHost } from './probe-service.ts';
import { type Connect, testTransport } from './transport-suite.ts';

function localConnect(paranoid: ParanoidOptions | false): Connect {
  return async (options) => {
    const { implementation, context, seen, log } = createProbeHost();
    const dispatcher = createDispatcher({ log, ...options });
    dispatcher.serve({ implementations: [implementation], context });
    const local = createLocalTransport({ dispatcher, paranoid });
    const client = createClients({ dispatcher, local }).client(ProbeService, 'tester');
    return { client, seen, close: async () => {} };
  };
}

const grpcConnect: Connect = async (options) => {
  const { implementation, context, seen, log } = createProbeHost();
  const dispatcher = createDispatcher({ log, ...options });
  dispatcher.serve({ implementations: [implementation], context });
  const server = createGrpcServer({ dispatcher, log, trustCallers: true });
  const port = await server.listen('127.0.0.1:0');
  const transport = createGrpcTransport({ address: `127.0.0.1:${port}` });
  const elsewhere = createDispatcher({ log });
  const local = createLocalTransport({ dispatcher: elsewhere, paranoid: false });
  const clients = createClients({ dispatcher: elsewhere, local, remote: () => transport });
  return {
    client: clients.client(ProbeService, 'tester'),
    seen,
    close: async () => {
      transport.close();
      await server.close(200);
    },
  };
};

testTransport('local transport', localConnect(false));
testTransport('paranoid local transport', localConnect({ unavailableRatio: 0, maxDelayMs: 2 }));
testTransport('grpc transport', grpcConnect);

test('a paranoid transport refuses the share of calls that it is told to, before they arrive', async () => {
  const numbers = [0, 0.9, 0, 0.1];
  let drawn = 0;
  const random = (): number => numbers[drawn++ % numbers.length] as number;
  const { client, seen } = await localConnect({ unavailableRatio: 0.5, maxDelayMs: 1, random })();
  const codes: string[] = [];
  for (let n = 0; n < 5; n += 1) {
    codes.push(
      await client.echo({}).then(
        () => 'OK',
        ({ code }) => code,
      ),
    );
  }
  assert.equal(codes.filter((code) => code === 'OK').length, seen.requests.length);
  assert.ok(codes.includes('unavailable') && codes.includes('OK'), codes.join());
});

test('the caller’s side of a call is observed too', async () => {
  const { implementation, context, log } = createProbeHost();
  const dispatcher = createDispatcher({ log });
  dispatcher.serve({ implementations: [implementation], context });
  const handled: string[] = [];
  const observer = {
    handled: (call: { side: string; method: string }, code: string) =>
      void handled.push(`${call.side} ${call.method} ${code}`),
  };
  const local = createLocalTransport({ dispatcher, paranoid: false });
  const client = createClients({ dispatcher, local, observer }).client(ProbeService, 'tester');
  await client.echo({});
  await client.echo({ email: 'nobody' }).catch(() => {});
  assert.deepEqual(handled, ['client Echo OK', 'client Echo INVALID_ARGUMENT']);
});
