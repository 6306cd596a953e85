import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperationsService } from '@tradepost/contracts/operations';
import type { Command, ReceivedOf, ServiceDefinition } from '../service/index.ts';
import { traceRequest, traceService } from './trace-service.ts';
import { newTraceparent } from './traceparent.ts';
import { offTracer, type SpanOptions, type Tracer } from './tracer.ts';

interface Recorded extends SpanOptions {
  readonly name: string;
  readonly own: string;
  failed?: unknown;
  ended: boolean;
}

function recordingTracer(): Tracer & { readonly spans: Recorded[] } {
  const spans: Recorded[] = [];
  return {
    enabled: true,
    spans,
    startSpan(name, options = {}) {
      const span: Recorded = { name, own: newTraceparent(), ended: false, ...options };
      spans.push(span);
      return {
        traceparent: span.own,
        set: () => {},
        fail: (error) => (span.failed = error),
        end: () => (span.ended = true),
      };
    },
    close: async () => {},
  };
}

const drop: Command = {
  kind: 'command',
  method: OperationsService.method.dropParked,
  apply: async (items) => items.map(() => ({ ok: {} as never })),
};

const definition: ServiceDefinition = {
  name: 'sample',
  summary: 'A sample.',
  config: { section: 'sample', settings: {} },
  rpc: [
    {
      service: OperationsService,
      handlers: {
        getStatus: { kind: 'query', run: async (_request, _context, meta) => ({ version: meta.traceparent ?? '' }) },
        dropParked: drop,
      },
    },
  ],
  reactions: [{ kind: 'reaction', name: 'sample.events', on: [], apply: () => Promise.reject(new Error('boom')) }],
  effects: [
    {
      kind: 'effect',
      name: 'sample.mail',
      perform: async () => ({ outcome: 'rejected', detail: 'no such address' }),
      record: async () => {},
    },
  ],
  jobs: [],
};

const cause = (traceparent: string) => ({ requestId: 'r', correlationId: 'c', traceparent });

test('without a collector the definition is the same object', () => {
  assert.equal(traceService(definition, offTracer), definition);
});

test('a query is a child of its caller, and hands its own span on', async () => {
  const tracer = recordingTracer();
  const { handlers } = traceService(definition, tracer).rpc[0] ?? assert.fail();
  const parent = newTraceparent();
  const meta = { ...cause(parent), caller: { kind: 'anonymous' } } as const;
  const query = handlers['getStatus'];
  assert.equal(query?.kind, 'query');
  const answer = await query.run({} as never, {} as never, meta);
  const [span] = tracer.spans;
  assert.deepEqual([span?.name, span?.kind], ['tradepost.operations.v1.OperationsService/GetStatus', 'server']);
  assert.deepEqual([span?.parent, (answer as { version: string }).version, span?.ended], [parent, span?.own, true]);
});

test('a batch is linked to all of its causes, a batch of one is a child of its cause', async () => {
  const tracer = recordingTracer();
  const command = (traceService(definition, tracer).rpc[0] ?? assert.fail()).handlers['dropParked'];
  assert.equal(command?.kind, 'command');
  const [first, second] = [newTraceparent(), newTraceparent()];
  const item = (traceparent: string) => ({ meta: cause(traceparent) }) as never;
  await command.apply([item(first), item(second), item(first)], {} as never, undefined);
  await command.apply([item(second)], {} as never, undefined);
  assert.deepEqual([tracer.spans[0]?.parent, tracer.spans[0]?.links], [undefined, [first, second]]);
  assert.deepEqual([tracer.spans[1]?.parent, tracer.spans[1]?.links], [second, []]);
});

test('a failing consumer and a rejected effect are failed spans', async () => {
  const tracer = recordingTracer();
  const traced = traceService(definition, tracer);
  const message = { cause: cause(newTraceparent()) } as ReceivedOf<never>;
  await assert.rejects(traced.reactions[0]?.apply([message], {} as never, undefined) ?? Promise.resolve(), /boom/);
  await traced.effects[0]?.perform({}, { id: 'i', key: 'k', attempt: 1 }, {} as never);
  assert.deepEqual(
    tracer.spans.map(({ name, kind, failed, ended }) => [name, kind, String(failed), ended]),
    [
      ['consume sample.events', 'consumer', 'Error: boom', true],
      ['perform sample.mail', 'client', 'no such address', true],
    ],
  );
});

test('a request from outside continues the trace that it came with', async () => {
  const tracer = recordingTracer();
  const parent = newTraceparent();
  const handed = await traceRequest(tracer, 'POST /x', cause(parent), async (own) => own.traceparent);
  assert.deepEqual([tracer.spans[0]?.parent, handed], [parent, tracer.spans[0]?.own]);
  assert.equal(await traceRequest(offTracer, 'POST /x', cause(parent), async (own) => own.traceparent), parent);
});
