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
