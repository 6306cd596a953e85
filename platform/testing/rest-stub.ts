// A REST server over services that exist only in a test: it records what reaches them and answers what it is told.
import { create, type DescMethodUnary, type Message } from '@bufbuild/protobuf';
import { DeliveryService } from '@tradepost/contracts/delivery';
import { docs } from '@tradepost/contracts/docs';
import { NotificationService } from '@tradepost/contracts/notification';
import { ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import { createHttpServer, type HandledRequest, type HttpServerOptions, type InvokeFacts } from '../http/index.ts';
import { systemClock } from '../time/index.ts';

export interface ReceivedCall {
  readonly method: string;
  readonly request: Record<string, unknown>;
  readonly facts: InvokeFacts;
}

export interface RestStub {
  readonly url: string;
  readonly port: number;
  readonly server: ReturnType<typeof createHttpServer>;
  readonly calls: ReceivedCall[];
  readonly handled: HandledRequest[];
  readonly bugs: unknown[];
  close(): Promise<void>;
}

/** @returns the fields of the answer; throws what the service refuses. */
export type Answer = (call: ReceivedCall) => object | Promise<object>;

export async function startRestStub(
  answer: Answer,
  options: Partial<HttpServerOptions> = {},
  replayed: (call: ReceivedCall) => boolean = () => false,
): Promise<RestStub> {
  const calls: ReceivedCall[] = [];
  const handled: HandledRequest[] = [];
  const bugs: unknown[] = [];
  const silent = (): void => {};
  const server = createHttpServer({
    services: [UserService, ScoreService, NotificationService, DeliveryService],
    clock: systemClock,
    log: { debug: silent, info: silent, warn: silent, line: silent, error: (facts) => bugs.push(facts) },
    health: { name: 'tradepost', version: '1.2.3', check: () => ({}) },
    api: { title: 'Tradepost', description: 'Of a test.', docs },
    onHandled: (request) => handled.push(request),
    async invoke(method: DescMethodUnary, request: Message, facts: InvokeFacts) {
      const { $typeName: _, ...fields } = request;
      const call = { method: method.name, request: fields, facts };
      calls.push(call);
      return { message: create(method.output, (await answer(call)) as never), replayed: replayed(call) };
    },
    ...options,
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  const close = (): Promise<void> => server.close();
  return { url: `http://127.0.0.1:${port}`, port, server, calls, handled, bugs, close };
}
