// The same small call over gRPC on loopback and by the local transport, client and server in one process: what it
// costs that two services live apart.
import { create } from '@bufbuild/protobuf';
import { GetNotificationRequestSchema, NotificationService } from '@tradepost/contracts/notification';
import {
  type Client,
  createClients,
  createDispatcher,
  createGrpcServer,
  createGrpcTransport,
  createLocalTransport,
} from '@tradepost/platform/rpc';
import { type Context, implement, query } from '@tradepost/platform/service';
import { systemClock } from '@tradepost/platform/time';
import { type Bench, type Round, requireEqual } from './measure.ts';
import { ownCpuSeconds } from './processes.ts';

const AT_ONCE = 64;
const silent = { debug() {}, info() {}, warn() {}, error() {}, line() {} };

type Notifications = Client<typeof NotificationService>;

/** @param clients calls under way at once. */
function callRound(client: Notifications, clients: number, seconds: number, inMicroseconds: boolean): Round {
  const request = create(GetNotificationRequestSchema, { id: 7n });
  return async () => {
    const cpu = ownCpuSeconds();
    const startedMs = performance.now();
    let calls = 0;
    let answered = 0;
    const run = async (): Promise<void> => {
      while (performance.now() - startedMs < seconds * 1000) {
        calls += 1;
        const { notification } = await client.getNotification(request);
        if (notification?.id === 7n) answered += 1;
      }
    };
    await Promise.all(Array.from({ length: clients }, run));
    const elapsedMs = performance.now() - startedMs;
    requireEqual('Calls that were answered', answered, calls);
    const value = inMicroseconds ? (elapsedMs * 1000) / calls : (calls * 1000) / elapsedMs;
    return { value, operations: calls, cpuSeconds: ownCpuSeconds() - cpu };
  };
}

export const rpc: Bench = {
  name: 'rpc',
  summary: 'calls by the local transport against gRPC',
  async run({ secondsPerRound }, measure) {
    const dispatcher = createDispatcher({ log: silent });
    const { method } = NotificationService;
    const answer = { id: 7n, userId: 42n, message: 'Your score has gone up by 15 points.', scoreChange: 15 };
    const handlers = {
      createNotification: query(method.createNotification, async () => ({})),
      getNotification: query(method.getNotification, async () => ({ notification: answer })),
      listNotifications: query(method.listNotifications, async () => ({})),
    };
    const { signal } = new AbortController();
    const context = { config: {}, clock: systemClock, log: silent, signal } as unknown as Context;
    dispatcher.serve({ implementations: [implement(NotificationService, handlers)], context });
    const server = createGrpcServer({ dispatcher, log: silent, trustCallers: true });
    const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
    const remote = createGrpcTransport({ address });
    const elsewhere = createDispatcher({ log: silent });
    const near = createClients({ dispatcher, local: createLocalTransport({ dispatcher }) });
    const far = createClients({
      dispatcher: elsewhere,
      local: createLocalTransport({ dispatcher: elsewhere }),
      remote: () => remote,
    });
    const nearby = near.client(NotificationService, 'bench');
    const remotely = far.client(NotificationService, 'bench');
    try {
      await measure({
        name: 'local RPC against gRPC, one call at a time',
        unit: 'µs',
        baseline: callRound(remotely, 1, secondsPerRound, true),
        product: callRound(nearby, 1, secondsPerRound, true),
      });
      await measure({
        name: `local RPC against gRPC, ${AT_ONCE} at a time`,
        unit: '/s',
        baseline: callRound(remotely, AT_ONCE, secondsPerRound, false),
        product: callRound(nearby, AT_ONCE, secondsPerRound, false),
      });
    } finally {
      remote.close();
      await server.close(1000);
    }
  },
};
