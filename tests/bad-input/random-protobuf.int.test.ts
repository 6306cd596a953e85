// Random bytes, and messages that are nearly right, at every RPC of a started system: never INTERNAL, never a crash.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { create, type DescField, type DescMessage, ScalarType, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { DeliveryService } from '@tradepost/contracts/delivery';
import { Health } from '@tradepost/contracts/grpc-health';
import { ServerReflection } from '@tradepost/contracts/grpc-reflection';
import { ServerReflection as ServerReflectionAlpha } from '@tradepost/contracts/grpc-reflection-v1alpha';
import { NotificationService } from '@tradepost/contracts/notification';
import { OperationsService } from '@tradepost/contracts/operations';
import { EventService, ScoreService } from '@tradepost/contracts/score';
import { UserService } from '@tradepost/contracts/user';
import { createRandom } from '@tradepost/platform/testing';
import { type RunningSystem, startSystem } from '../running-system.ts';
import { createRawGrpc, frame, type RawGrpc } from './raw-grpc.ts';
import { countRows } from './stored-rows.ts';

const SEED = 20_261_121;
const ROUNDS = 40;
const random = createRandom(SEED);
const services = [
  ...[UserService, ScoreService, EventService, NotificationService, DeliveryService],
  ...[OperationsService, Health, ServerReflection, ServerReflectionAlpha],
];
/** What a request may be answered; INTERNAL (13), UNKNOWN (2) and DATA_LOSS (15) would be faults of ours. */
const ANSWERS = new Set<number | undefined>([0, 3, 5, 6, 8, 9, 10, 11, 12]);

let system: RunningSystem;
let grpc: RawGrpc;

before(async () => {
  system = await startSystem({ env: { LOG_LEVEL: 'error' } });
  grpc = createRawGrpc(system.grpc);
});
after(async () => {
  grpc?.close();
  await system?.close();
});

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random.below(256)));
const TEXTS = [
  '',
  'a',
  '\0',
  '\ud7ff',
  '😀'.repeat(50),
  "'; drop table users; --",
  '{{7*7}}',
  '../../etc/passwd',
  '%s%n',
];
const NUMBERS = [0n, 1n, -1n, 2n ** 31n, -(2n ** 31n) - 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];

function writeField(writer: BinaryWriter, field: DescField, depth: number): void {
  // Now and then a field has the wrong wire type.
  const isText = field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES;
  if (field.message !== undefined && depth < 6 && !random.oneIn(6)) {
    writer.tag(field.number, WireType.LengthDelimited).bytes(nearlyRight(field.message, depth + 1));
  } else if (isText !== random.oneIn(8)) {
    const text = random.oneIn(5) ? bytes(random.below(40)) : Buffer.from(random.pick(TEXTS));
    writer.tag(field.number, WireType.LengthDelimited).bytes(text);
  } else writer.tag(field.number, WireType.Varint).int64(random.pick(NUMBERS));
}

/** A message whose fields have values that fit, values that do not, and wrong wire types. */
function nearlyRight(schema: DescMessage, depth = 0): Uint8Array {
  const writer = new BinaryWriter();
  for (const field of schema.fields) {
    if (random.oneIn(4)) continue;
    const times = field.fieldKind === 'list' ? random.below(4) : 1;
    for (let n = 0; n < times; n += 1) writeField(writer, field, depth);
  }
  if (random.oneIn(5)) writer.tag(536_870_911, WireType.Varint).int64(1);
  return writer.finish();
}

/** Length prefixes, one in the other, deeper than anybody nests. */
function nested(field: number, levels: number): Uint8Array {
  let inner: Uint8Array = new Uint8Array(0);
  for (let level = 0; level < levels; level += 1) {
    inner = new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(inner).finish();
  }
  return inner;
}

function badRequests(schema: DescMessage): Buffer[] {
  const whole = toBinary(schema, create(schema));
  const requests = [whole, nested(1, 2_000), Buffer.from([0x08]), Buffer.alloc(1_000, 0xff)].map(frame);
  for (let n = 0; n < ROUNDS; n += 1) {
    requests.push(frame(bytes(random.below(200))));
    const right = nearlyRight(schema);
    requests.push(frame(right), frame(right.subarray(0, random.below(right.length + 1))));
  }
  return requests;
}

for (const service of services) {
  test(`${service.typeName} answers nonsense in order (seed ${SEED})`, async () => {
    const unfit: string[] = [];
    for (const method of service.methods) {
      const path = `/${service.typeName}/${method.name}`;
      const requests = badRequests(method.input);
      const answers = await Promise.all(requests.map((request) => grpc.call(path, request)));
      for (const [place, { status, message }] of answers.entries()) {
        // A stream that is open may stay so.
        const isOpen = status === undefined && method.methodKind !== 'unary';
        if (!isOpen && !ANSWERS.has(status))
          unfit.push(`${path} ${status} ${message} ${requests[place]?.toString('hex').slice(0, 400)}`);
      }
    }
    assert.deepEqual(unfit, []);
  });
}

test('frames that are no frames, and methods that are none, are answered in order', async () => {
  const path = '/tradepost.user.v1.UserService/CreateUser';
  for (const body of [Buffer.alloc(0), bytes(3), Buffer.from([1, 0, 0, 0, 2, 1, 1]), Buffer.from([0, 0, 0, 0, 9, 1])]) {
    const { status } = await grpc.call(path, body);
    assert.notEqual(status, 0);
  }
  assert.equal((await grpc.call('/tradepost.user.v1.UserService/DropUser', frame(Buffer.alloc(0)))).status, 12);
  assert.equal((await grpc.call('/no.such.Service/Method', frame(Buffer.alloc(0)))).status, 12);
  assert.equal((await grpc.call(path, frame(Buffer.alloc(5 * 1024 * 1024)))).status, 8);
});

test('the system still serves, and what it holds fits together', async () => {
  assert.equal((await fetch(`${system.url}/health`)).status, 200);
  assert.doesNotMatch(system.output(), /Unhandled|uncaught|Internal error|"level":"(error|fatal)"/);
  const rows = await countRows(system);
  assert.equal(rows['score.score_events'], rows['score.tradepost.outbox']);
  assert.equal(rows['notification.tradepost.parked_messages'], 0);
});
