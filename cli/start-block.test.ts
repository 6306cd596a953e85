import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHeldLog } from './held-log.ts';
import { createStartBlock, type StartFacts, type StartFormat } from './start-block.ts';

const facts: StartFacts = {
  pid: 7,
  services: ['user', 'score', 'delivery'],
  restUrl: 'http://localhost:8081',
  docsUrl: 'http://localhost:8081/docs',
  grpcAddress: 'localhost:50051',
  dataDirectory: '.tradepost',
  embedded: true,
  notes: ['REST is on 8081: 8080 was busy'],
};

function show(format: StartFormat, shown: StartFacts): string[] {
  const written: string[] = [];
  const block = createStartBlock(format, { write: (text: string) => written.push(text) });
  block.step({ name: 'Migrations', detail: '4 services, 20 files', durationMs: 512 });
  block.ready(shown);
  return written.join('').split('\n');
}

test('on a terminal the block is aligned and names what to try', () => {
  assert.deepEqual(show('terminal', facts), [
    '  ✔ Migrations   4 services, 20 files                          0.5 s',
    '',
    '  REST      http://localhost:8081                  docs  http://localhost:8081/docs',
    '  gRPC      localhost:50051                        reflection on',
    '  Note      REST is on 8081: 8080 was busy',
    '',
    '  Try       npx tradepost user create --name Ada --email ada@example.com   a first person',
    '            npx tradepost score send --user 1 --change 15                  follow one event to its e-mail',
    '            npx tradepost mail ls                                          the e-mail',
    "  Stop      Ctrl-C; the data stays in .tradepost, 'npx tradepost reset' deletes it",
    '',
    '',
  ]);
});

test('what does not answer is not printed', () => {
  const { restUrl: _rest, docsUrl: _docs, grpcAddress: _grpc, ...silent } = facts;
  const lines = show('terminal', { ...silent, notes: [] });
  assert.deepEqual(
    lines.filter((line) => /REST|gRPC|docs|Try/.test(line)),
    [],
  );
});

test('without a terminal the same facts are plain lines, with JSON one object a line', () => {
  assert.deepEqual(show('plain', facts).slice(0, 3), [
    'Migrations: 4 services, 20 files (0.5 s)',
    'REST: http://localhost:8081                  docs  http://localhost:8081/docs',
    'gRPC: localhost:50051                        reflection on',
  ]);
  const [step, ready] = show('json', facts).map((line) => (line === '' ? {} : JSON.parse(line)));
  assert.deepEqual(step, { event: 'step', name: 'Migrations', detail: '4 services, 20 files', duration_ms: 512 });
  assert.deepEqual([ready.event, ready.rest, ready.grpc], ['ready', 'http://localhost:8081', 'localhost:50051']);
});

test('held log lines do not go out, the last ten are kept, and after the release lines flow', () => {
  const written: string[] = [];
  const held = createHeldLog(true, (line) => void written.push(line));
  for (let number = 1; number <= 12; number += 1) held.destination.write(`${number}`);
  assert.deepEqual(held.lastLines(), ['3', '4', '5', '6', '7', '8', '9', '10', '11', '12']);
  held.release();
  held.destination.write('13');
  assert.deepEqual(written, ['13']);
});
