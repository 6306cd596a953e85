import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { formatTraceparent, newTraceparent, parseTraceparent } from './traceparent.ts';
import { inSpan, offTracer, openTracer } from './tracer.ts';

const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test('a traceparent is read and written back, and what the recommendation ignores is ignored', () => {
  const context = parseTraceparent(PARENT);
  assert.deepEqual(context, { traceId: PARENT.slice(3, 35), spanId: '00f067aa0ba902b7', sampled: true });
  assert.equal(formatTraceparent(context as NonNullable<typeof context>), PARENT);
  assert.equal(parseTraceparent(`cc${PARENT.slice(2)}-what-the-future-brings`)?.sampled, true);
  for (const bad of [
    undefined,
    '',
    `${PARENT}-more`,
    `ff${PARENT.slice(2)}`,
    PARENT.toUpperCase(),
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
  ]) {
    assert.equal(parseTraceparent(bad), undefined, String(bad));
  }
});

test('new contexts are valid and differ', () => {
  const made = Array.from({ length: 2000 }, () => newTraceparent());
  assert.equal(new Set(made).size, 2000);
  assert.equal(made.filter((text) => parseTraceparent(text) === undefined).length, 0);
});

test('without a collector a span hands its parent on', () => {
  assert.equal(offTracer.startSpan('x', { parent: PARENT }).traceparent, PARENT);
  assert.equal(parseTraceparent(offTracer.startSpan('x').traceparent)?.sampled, false);
});

test('spans reach a collector by OTLP, with parent, links, kind and failure', async () => {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      bodies.push(`${request.url} ${body}`);
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tracer = await openTracer({ endpoint, serviceName: 'test' });
  const link = newTraceparent();
  const work = inSpan(
    tracer,
    'consume x',
    { kind: 'consumer', parent: PARENT, links: [link, undefined] },
    async (span) => {
      assert.equal(span.traceparent.slice(3, 35), PARENT.slice(3, 35));
      assert.notEqual(span.traceparent, PARENT);
      span.set({ batch: 3 });
      throw new Error('boom');
    },
  );
  await assert.rejects(work, /boom/);
  await tracer.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  assert.equal(bodies.length, 1);
  assert.match(bodies[0] ?? '', /^\/v1\/traces /);
  const sent = JSON.parse((bodies[0] ?? '').slice('/v1/traces '.length));
  const span = sent.resourceSpans[0].scopeSpans[0].spans[0];
  assert.equal(span.name, 'consume x');
  assert.equal(span.traceId, PARENT.slice(3, 35));
  assert.equal(span.parentSpanId, '00f067aa0ba902b7');
  assert.equal(span.kind, 5);
  assert.equal(span.links[0].traceId, link.slice(3, 35));
  assert.deepEqual(span.status, { code: 2, message: 'boom' });
});

test('a collector that is not there holds up the end for a second at most', async () => {
  const tracer = await openTracer({ endpoint: 'http://127.0.0.1:9', serviceName: 'test' });
  tracer.startSpan('x').end();
  const startedMs = performance.now();
  await tracer.close();
  assert.equal(performance.now() - startedMs < 1500, true);
});
