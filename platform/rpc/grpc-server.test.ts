import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fromBinary, type Message } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { credentials, Metadata, Client as RawClient, type ServiceError } from '@grpc/grpc-js';
import { Health, HealthCheckResponse_ServingStatus as Status } from '@tradepost/contracts/grpc-health';
import { ServerReflection } from '@tradepost/contracts/grpc-reflection';
import { ServerReflection as ServerReflectionAlpha } from '@tradepost/contracts/grpc-reflection-v1alpha';
import { ProbeService } from '@tradepost/contracts/probe';
import { Refusal } from '../errors/index.ts';
import { createClients } from './clients.ts';
import { createDispatcher, type Dispatcher } from './dispatcher.ts';
import { createGrpcServer, type GrpcServer } from './grpc-server.ts';
import { createGrpcTransport } from './grpc-transport.ts';
import { createLocalTransport } from './local-transport.ts';
import { createProbeHost, type Seen } from './probe-service.ts';

interface Running {
  server: GrpcServer;
  dispatcher: Dispatcher;
  clients: ReturnType<typeof createClients>;
  address: string;
  seen: Seen;
}

async function withServer(use: (running: Running) => Promise<void>): Promise<void> {
  const { implementation, context, seen, log } = createProbeHost();
  const dispatcher = createDispatcher({ log });
  dispatcher.serve({ implementations: [implementation], context });
  const server = createGrpcServer({ dispatcher, log });
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  const transport = createGrpcTransport({ address });
  const elsewhere = createDispatcher({ log });
  const local = createLocalTransport({ dispatcher: elsewhere, paranoid: false });
  const clients = createClients({ dispatcher: elsewhere, local, remote: () => transport });
  try {
    await use({ server, dispatcher, clients, address, seen });
  } finally {
    transport.close();
    await server.close(200);
  }
}

const PROBE = ProbeService.typeName;

test('health knows each service, and watchers learn that the server drains', { timeout: 10_000 }, async () => {
  await withServer(async ({ clients, server }) => {
    const health = clients.client(Health, 'tester');
    assert.equal((await health.check({})).status, Status.SERVING);
    assert.equal((await health.check({ service: PROBE })).status, Status.SERVING);
    assert.deepEqual(Object.keys((await health.list({})).statuses).sort(), ['', PROBE]);
    await assert.rejects(health.check({ service: 'nobody' }), { code: 'unknown_service', status: 'NOT_FOUND' });
    const seen: Status[] = [];
    const watching = (async () => {
      for await (const { status } of health.watch({ service: PROBE })) seen.push(status);
    })();
    for await (const { status } of health.watch({ service: 'nobody' })) {
      assert.equal(status, Status.SERVICE_UNKNOWN);
      break;
    }
    while (seen.length < 1) await pause(5);
    server.health.set(PROBE, false);
    while (seen.length < 2) await pause(5);
    server.health.set(PROBE, true);
    while (seen.length < 3) await pause(5);
    server.health.drain();
    await watching;
    assert.deepEqual(seen, [Status.SERVING, Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]);
    assert.equal((await health.check({})).status, Status.NOT_SERVING);
  });
});

test('both versions of reflection list the services and describe them', { timeout: 10_000 }, async () => {
  await withServer(async ({ clients }) => {
    const requests = [
      { messageRequest: { case: 'listServices', value: '' } },
      { messageRequest: { case: 'fileContainingSymbol', value: PROBE } },
      { messageRequest: { case: 'fileByFilename', value: 'nowhere.proto' } },
    ];
    for (const service of [ServerReflection, ServerReflectionAlpha] as const) {
      const client = clients.client(service as typeof ServerReflection, 'tester');
      const send = async function* (): AsyncGenerator<never> {
        yield* requests as never[];
      };
      const answers = [];
      for await (const { messageResponse } of client.serverReflectionInfo(send())) answers.push(messageResponse);
      const [list, files, missing] = answers;
      assert.equal(list?.case, 'listServicesResponse');
      assert.deepEqual(list.value.service.map(({ name }) => name).sort(), [
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
        PROBE,
      ]);
      assert.equal(files?.case, 'fileDescriptorResponse');
      const names = files.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
      assert.equal(names[0], 'tradepost/probe/v1/probe.proto');
      assert.ok(names.includes('google/protobuf/timestamp.proto'), names.join());
      assert.equal(missing?.case, 'errorResponse');
      assert.equal(missing.value.errorCode, 5);
    }
  });
});

function callRaw(client: RawClient, path: string, bytes: Buffer): Promise<number> {
  const asIs = (value: Buffer): Buffer => value;
  return new Promise((resolve) => {
    const stream = client.makeBidiStreamRequest(path, asIs, asIs, new Metadata(), { deadline: Date.now() + 2000 });
    stream.on('data', () => {});
    stream.on('error', (error: ServiceError) => resolve(error.code));
    stream.on('end', () => resolve(0));
    stream.write(bytes);
    stream.end();
  });
}

test('random bytes at every method are answered with a proper status and never INTERNAL', {
  timeout: 60_000,
}, async () => {
  await withServer(async ({ address, seen }) => {
    const client = new RawClient(address, credentials.createInsecure());
    const wellKnown = [Buffer.from([0x0a]), Buffer.alloc(2000, 0x0a), Buffer.from([0x0a, 0x02, 0xff, 0xfe])];
    const nested = Array.from({ length: 3000 }).reduce<Buffer>(
      (inner) => Buffer.concat([Buffer.from([0x4a]), varint(inner.length), inner]),
      Buffer.alloc(0),
    );
    for (const method of [...ProbeService.methods, ...Health.methods.filter(({ name }) => name !== 'Watch')]) {
      const path = `/${method.parent.typeName}/${method.name}`;
      const random = Array.from({ length: 20 }, (_, n) => randomBytes(1 + n * 7));
      const codes = await Promise.all(
        [...wellKnown, nested, ...random].map(async (bytes) => ({ bytes, code: await callRaw(client, path, bytes) })),
      );
      for (const { bytes, code } of codes) {
        assert.ok([0, 3, 5].includes(code), `${path} answered ${code} to ${bytes.toString('hex').slice(0, 80)}`);
      }
    }
    assert.deepEqual(seen.logged, []);
    client.close();
  });
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}

test('a server that drains finishes what runs, refuses what is new and ends streams', { timeout: 10_000 }, async () => {
  await withServer(async ({ clients, server, dispatcher, seen }) => {
    const client = clients.client(ProbeService, 'tester');
    const running = client.echo({ probe: { text: 'hang' } }, { timeoutMs: 300 }).catch((error) => error as Refusal);
    const stream = (async (): Promise<Message[]> => {
      const got: Message[] = [];
      for await (const message of client.countDown({ from: 1000 })) got.push(message);
      return got;
    })().catch((error) => error as Refusal);
    while (seen.requests.length < 1 || dispatcher.inFlight() < 2) await pause(5);
    const drained = dispatcher.drain();
    const refused = await client.echo({}).catch((error) => error as Refusal);
    assert.ok(refused instanceof Refusal);
    assert.equal(refused.code, 'draining');
    assert.equal(((await stream) as Refusal).code, 'draining');
    await Promise.all([drained, server.close(5000)]);
    assert.equal(((await running) as Refusal).code, 'deadline_exceeded');
    const after = await client.echo({}).catch((error) => error as Refusal);
    assert.equal((after as Refusal).code, 'unavailable');
  });
});

test('without trust and credentials a caller is anonymous, whatever it claims', async () => {
  await withServer(async ({ clients, seen }) => {
    await clients.client(ProbeService, 'tester').echo({}, { meta: { caller: { kind: 'staff', id: 1n } } });
    assert.deepEqual(seen.metas[0]?.caller, { kind: 'anonymous' });
  });
});
