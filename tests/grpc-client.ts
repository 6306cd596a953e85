// A typed gRPC client of one service of a running system.
import type { DescService } from '@bufbuild/protobuf';
import {
  type Client,
  createClients,
  createDispatcher,
  createGrpcTransport,
  createLocalTransport,
} from '@tradepost/platform/rpc';
import { createLogger } from '@tradepost/platform/telemetry';

export interface GrpcClient<S extends DescService> {
  readonly client: Client<S>;
  close(): void;
}

/** @param address `127.0.0.1:50051` */
export function createGrpcClient<S extends DescService>(address: string, service: S): GrpcClient<S> {
  const transport = createGrpcTransport({ address });
  // It serves nothing, so that every call goes over the wire.
  const dispatcher = createDispatcher({ log: createLogger({ level: 'error', format: 'json' }) });
  const local = createLocalTransport({ dispatcher });
  const clients = createClients({ dispatcher, local, remote: () => transport });
  return { client: clients.client(service, 'tests'), close: () => transport.close() };
}
