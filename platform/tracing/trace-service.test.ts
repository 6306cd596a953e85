import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cause, ReceivedOf, ServiceDefinition, Transaction } from '../service/index.ts';
import { placeOf, traceTransaction } from './trace-batches.ts';
import { traceCommands, traceService } from './trace-service.ts';
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

const causeOf = (traceparent: string): Cause => ({ requestId: 'r', correlationId: 'c', traceparent });

const definition: ServiceDefinition = {
  name: 'sample',
  summary: 'A sample.',
  config: { section: 'sample', settings: {} },
  rpc: [],
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

test('without a collector everything is handed back as it is', () => {
  const commands = {} as Parameters<typeof traceCommands>[0];
  assert.equal(traceService(definition, offTracer), definition);
  assert.equal(traceCommands(commands, offTracer), commands);
});

test('a batch with one cause is its child; any other is linked to each of them once', () => {
  const [first, second] = [newTraceparent(), newTraceparent()];
  assert.equal(placeOf([causeOf(first), causeOf(first)]).parent, first);
  const { parent, links } = placeOf([causeOf(first), causeOf(second), causeOf(first)]);
  assert.deepEqual([parent, links], [undefined, [first, second]]);
});

test('a failing consumer and a rejected effect are failed spans', async () => {
  const tracer = recordingTracer();
  const traced = traceService(definition, tracer);
  const cause = causeOf(newTraceparent());
  const messages = [{ cause } as ReceivedOf<never>];
  await assert.rejects(traced.reactions[0]?.apply(messages, {} as never, undefined) ?? Promise.resolve(), /boom/);
  await traced.effects[0]?.perform(
    {},
    { id: 'i', key: 'k', attempt: 1, cause, stopping: new AbortController().signal },
    {} as never,
  );
  assert.deepEqual(
    tracer.spans.map(({ name, parent, failed, ended }) => [name, parent, String(failed), ended]),
    [
      ['consume sample.events', cause.traceparent, 'Error: boom', true],
      ['perform sample.mail', cause.traceparent, 'no such address', true],
    ],
  );
});

test('an event stays in the trace of its cause and carries the span that published it', () => {
  const tracer = recordingTracer();
  const published: (string | undefined)[] = [];
  const tx = { publish: (...[, , cause]: unknown[]) => published.push((cause as Cause).traceparent) };
  const batch = tracer.startSpan('consume sample.events');
  const traced = traceTransaction(tx as unknown as Transaction, tracer, batch);
  const event = { topic: 'orders', type: 'OrderPlaced' } as never;
  const [foreign, same] = [newTraceparent(), batch.traceparent];
  traced.publish(event, {}, causeOf(foreign));
  traced.publish(event, {}, causeOf(same));
  const [, first, second] = tracer.spans;
  assert.deepEqual(published, [first?.own, second?.own]);
  assert.deepEqual([first?.name, first?.parent, first?.links], ['publish orders', foreign, [same]]);
  assert.deepEqual([second?.parent, second?.links], [same, undefined]);
});
